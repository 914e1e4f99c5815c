"""odoo-connect 0.6.0: /jsonrpc, and /json/2 (19.0) with an API key."""

import base64
import datetime
import re

import odoo_connect
from odoo_connect.data import export_data, load_data
from odoo_connect.explore import explore

from steps import holds, raises, same, step, target

OdooServerError = odoo_connect.OdooServerError


def records(protocol, odoo):
    """What both protocols have in common."""
    partners = odoo['res.partner']
    with step(f'{protocol}: version'):
        same((odoo.protocol, odoo.major_version), (protocol, target.major))
    with step(f'{protocol}: create'):
        ann, bob, cid = partners.create(target.people())
        mine = [('id', 'in', [ann, bob, cid])]
        holds(0 < ann < bob < cid, (ann, bob, cid))
    with step(f'{protocol}: search with operators, order, limit and offset'):
        same(partners.search(mine, order='name desc'), [cid, bob, ann])
        same(partners.search(mine, offset=1, limit=1, order='name'), [bob])
        same(partners.search_count(domain=[*mine, '|', ('color', '=', 1), ('city', '=', 'Gent')]), 2)
    with step(f'{protocol}: read and search_read'):
        same(partners.read([bob], ['city', 'email']), [{'id': bob, 'city': 'Ath', 'email': False}])
        same(partners.search_read(mine, ['color'], order='color desc', limit=1), [{'id': cid, 'color': 7}])
    with step(f'{protocol}: write'):
        same(partners.write([ann, bob], {'city': 'Mons'}), True)
        same(partners.search_count(domain=[*mine, ('city', '=', 'Mons')]), 2)
    with step(f'{protocol}: x2many commands'):
        partners.write([ann], {'category_id': [(0, 0, {'name': f'{target.unique} {protocol}'})], 'child_ids': [(4, bob)]})
        (row,) = partners.read([ann], ['category_id', 'child_ids'])
        same((len(row['category_id']), row['child_ids']), (1, [bob]))
        partners.write([ann], {'child_ids': [(3, bob)]})
    with step(f'{protocol}: many2one and nested reading'):
        (belgium,) = odoo['res.country'].search([('code', '=', 'BE')])
        partners.write([ann], {'country_id': belgium})
        same(partners.read([ann], ['country_id'])[0]['country_id'], [belgium, 'Belgium'])
        same(partners.read_dict(ann, ['name', 'country_id.code']),
             {'id': ann, 'name': f'{target.unique} Ann', 'country_id': {'id': belgium, 'code': 'BE'}})
        same(partners.search_read_dict(mine, ['country_id.code', 'child_ids'], order='name', limit=2),
             [{'id': ann, 'country_id': {'id': belgium, 'code': 'BE'}, 'child_ids': []}, {'id': bob, 'country_id': {}, 'child_ids': []}])
    with step(f'{protocol}: grouping'):
        sums = ['color:sum'] if protocol == 'jsonrpc' else ['color:sum', '__count']
        groups = partners.read_group_dict(mine, sums, ['city'])
        color = 'color' if protocol == 'jsonrpc' else 'color:sum'
        same([(group['city'], group['__count'], group[color]) for group in groups], [('Gent', 1, 7), ('Mons', 2, 3)])
    if protocol == 'json/2' or target.major < 19:
        # In what read_group answers the library looks, from 19.0 on, for a member that only the method of /json/2 has.
        with step(f'{protocol}: grouping by a relation and a month'):
            groups = partners.read_group_dict(mine, sums, ['country_id.code', 'create_date:month'])
            same([group['country_id'].get('code') for group in groups], ['BE', None])
            holds(re.match(r'\d{4}-\d\d', groups[0]['create_date:month']), groups)
    with step(f'{protocol}: fields'):
        same((partners.fields()['country_id']['type'], partners.fields()['country_id']['relation']), ('many2one', 'res.country'))
    with step(f'{protocol}: name_search'):
        same(partners.name_search(name=f'{target.unique} Cid'), [[cid, f'{target.unique} Cid']])
    with step(f'{protocol}: records that are explored'):
        found = explore(partners).search(mine, order='name')
        same((found.ids, len(found), found[0].name), ([ann, bob, cid], 3, f'{target.unique} Ann'))
        same(sorted(found.mapped('city')), ['Gent', 'Mons', 'Mons'])
        same((found[0].country_id.code, found.country_id.ids), ('BE', [belgium]))
        holds(isinstance(found[0].create_date, datetime.datetime), found[0].create_date)
        same(found.filtered(lambda record: record.color > 1).ids, [bob, cid])
        found[2].city = 'Ieper'
        same((found[2].city, found[2].parent_id.ids), ('Ieper', []))
        found[2].country_id = found[0].country_id
        same(found[2].country_id.code, 'BE')
        same(found[0].fields_get(['name'])['name']['type'], 'char')
    with step(f'{protocol}: records made, called and removed'):
        made = explore(partners).create({'name': f'{target.unique} Dan'}, {'name': f'{target.unique} Eva'})
        same(made[0]._call('address_get', adr_pref=['invoice'])['contact'], made.ids[0])
        made.unlink()
        same(partners.search([('id', 'in', made.ids)]), [])
    with step(f'{protocol}: export'):
        exported = export_data(partners, [('id', 'in', [ann])], ['name', 'country_id.code', 'active', 'color'])
        same(list(exported.to_dicts()), [{'name': f'{target.unique} Ann', 'country_id.code': 'BE', 'active': True, 'color': 1}])
    with step(f'{protocol}: import'):
        loaded = load_data(partners, [['name', 'color'], [f'{target.unique} Fay', '5'], [f'{target.unique} Guy', '6']])
        same((len(loaded['ids']), loaded['messages']), (2, []))
        same([row['color'] for row in partners.read(loaded['ids'], ['color'])], [5, 6])
        written = load_data(partners, [{'id': loaded['ids'][0], 'city': 'Spa'}, {'id': False, 'name': f'{target.unique} Hal'}], method='write')
        same((written['write_count'], written['create_count']), (1, 1))
        partners.unlink([*loaded['ids'], written['ids'][1]])
    with step(f'{protocol}: attachments'):
        data = base64.b64encode(b'hello world').decode()
        odoo['ir.attachment'].create([{'name': f'{target.unique}.txt', 'datas': data, 'res_model': 'res.partner', 'res_id': ann}])
        files = explore(partners).browse(ann).get_attachments()
        same((files.name, files.datas), (f'{target.unique}.txt', b'hello world'))
        files.unlink()
    with step(f'{protocol}: external ids'):
        same(odoo.ref('base.main_company', ['id'])['id'], 1)
        with raises(ValueError, 'No record found'):
            odoo.ref(f'base.{target.unique}')
    with step(f'{protocol}: context'):
        partners.write([cid], {'active': False})
        same(partners.search([('id', '=', cid)]), [])
        same(partners.search([('id', '=', cid)], context={'active_test': False}), [cid])
        odoo.context = {'active_test': False}
        same(partners.search([('id', '=', cid)]), [cid])
        odoo.context = {}
    with step(f'{protocol}: context: language'):
        tags = odoo['res.partner.category']
        (tag,) = tags.create([{'name': f'{target.unique} {protocol} gold'}])
        tags.write([tag], {'name': f'{target.unique} {protocol} or'}, context={'lang': target.language})
        for language, name in ((target.language, 'or'), ('en_US', 'gold')):
            (row,) = tags.read([tag], ['name'], context={'lang': language})
            same(row['name'], f'{target.unique} {protocol} {name}')
    with step(f'{protocol}: errors'):
        with raises(OdooServerError, 'recursive') as caught:
            partners.write([ann], {'parent_id': ann})
        same(caught.error.get_data()['name'], 'odoo.exceptions.ValidationError')
        holds('Traceback' in caught.error.get_remote_trace(), caught.error.get_data())
        with raises(OdooServerError, 'nope'):
            partners.search([('nope', '=', 1)])
        with raises(OdooServerError, 'does not exist'):
            partners.write([2**31 - 1], {'name': 'x'})
        with raises(OdooServerError, 'not found'):
            odoo.get_model('no.such', check=True)
    with step(f'{protocol}: unlink'):
        same(partners.unlink([ann, bob, cid]), True)
        same(partners.search_count(domain=mine), 0)


with step('databases'):
    anonymous = odoo_connect.connect(target.url, target.db)
    holds(target.db in anonymous.list_databases() and not anonymous.is_connected())

with step('wrong password'):
    with raises(odoo_connect.OdooConnectionError, 'Failed to authenticate'):
        odoo_connect.connect(target.url, target.db, target.login, password='wrong')

with step('login'):
    odoo = odoo_connect.connect(target.url, target.db, target.login, password=target.password)
    same((odoo.is_connected(), odoo.username, odoo.user['login']), (True, target.login, target.login))

with step('models'):
    holds('res.partner' in odoo.list_models())

records('jsonrpc', odoo)

if target.api_key:
    with step('API key as the password'):
        same(odoo_connect.connect(target.url, target.db, target.login, password=target.api_key).user['login'], target.login)

if target.major >= 19 and target.api_key:
    with step('json/2: wrong key'):
        with raises(OdooServerError, 'Invalid apikey'):
            odoo_connect.connect(target.url, target.db, token='wrong')['res.partner'].search([])
    with step('json/2: key'):
        json2 = odoo_connect.connect(target.url, target.db, token=target.api_key)
        same(json2.is_connected(), True)
    records('json/2', json2)
