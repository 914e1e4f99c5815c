"""odoo-client-lib 2.0.1: models and their methods over /jsonrpc, /xmlrpc and (19.0) /json/2."""

import base64
import xmlrpc.client

import odoolib
from odoolib.tools import AuthenticationError, JsonRPCException

from steps import holds, raises, same, step, target


def connect(protocol, password, **more):
    protocol += 's' if target.ssl else ''
    return odoolib.get_connection(
        target.host, protocol, target.port, database=target.db, login=target.login, password=password, **more
    )


def login(protocol, error):
    """What the protocols with a password have; a connection that is logged in."""
    connection = connect(protocol, target.password)
    with step(f'{protocol}: version'):
        same(connection.get_service('common').version()['server_serie'], target.series)
    with step(f'{protocol}: databases'):
        holds(target.db in connection.get_service('db').list())
    with step(f'{protocol}: wrong password'):
        with raises(AuthenticationError, 'Authentication failure'):
            connect(protocol, 'wrong').check_login()
    with step(f'{protocol}: login'):
        connection.check_login()
        holds(connection.user_id > 0, connection.user_id)
    with step(f'{protocol}: wrong password of a known user'):
        with raises(error, 'Access Denied'):
            connect(protocol, 'wrong', user_id=connection.user_id).get_model('res.partner').search([])
    with step(f'{protocol}: read of one id'):
        same(connection.get_model('res.users').read(connection.user_id, ['login'])['login'], target.login)
    if target.api_key:
        with step(f'{protocol}: API key as the password'):
            by_key = connect(protocol, target.api_key)
            by_key.check_login()
            same(by_key.user_id, connection.user_id)
    return connection


def records(protocol, connection, error):
    """What the protocols have in common."""
    partners = connection.get_model('res.partner')
    with step(f'{protocol}: create'):
        ann, bob, cid = partners.create(target.people())
        mine = [('id', 'in', [ann, bob, cid])]
        holds(0 < ann < bob < cid, (ann, bob, cid))
    with step(f'{protocol}: search with operators, order, limit and offset'):
        same(partners.search(mine, order='name desc'), [cid, bob, ann])
        same(partners.search(mine, 1, 1, 'name'), [bob])
        same(partners.search(['|', ('id', '=', cid), ('name', '=ilike', f'{target.unique} ANN')], order='id'), [ann, cid])
        same(partners.search_count([*mine, ('color', '>=', 2)]), 2)
    with step(f'{protocol}: read'):
        same([row['id'] for row in partners.read([cid, ann], ['color'])], [cid, ann])
    with step(f'{protocol}: search_read'):
        rows = partners.search_read(mine, ['color'], limit=2, order='color desc')
        same(rows, [{'id': cid, 'color': 7}, {'id': bob, 'color': 2}])
    with step(f'{protocol}: grouping'):
        if protocol == 'json2':
            groups = partners.formatted_read_group(mine, ['city'], ['color:sum', '__count'])
            same([(group['city'], group['__count'], group['color:sum']) for group in groups], [('Ath', 2, 3), ('Gent', 1, 7)])
        else:
            groups = partners.read_group(mine, ['color:sum'], ['city'])
            same([(group['city'], group['city_count'], group['color']) for group in groups], [('Ath', 2, 3), ('Gent', 1, 7)])
    with step(f'{protocol}: write'):
        same(partners.write([ann, bob], {'city': 'Mons', 'email': False}), True)
        same(partners.search_count([*mine, ('city', '=', 'Mons')]), 2)
    with step(f'{protocol}: many2one and x2many commands'):
        shown = ['country_id', 'category_id', 'child_ids']
        (belgium,) = connection.get_model('res.country').search([('code', '=', 'BE')])
        tag = (0, 0, {'name': f'{target.unique} {protocol}'})
        partners.write([ann], {'country_id': belgium, 'category_id': [tag], 'child_ids': [(4, bob)]})
        (row,) = partners.search_read([('id', '=', ann)], shown)
        same((row['country_id'], len(row['category_id']), row['child_ids']), ([belgium, 'Belgium'], 1, [bob]))
        partners.write([ann], {'country_id': False, 'category_id': [(5, 0, 0)], 'child_ids': [(3, bob, 0)]})
        (row,) = partners.search_read([('id', '=', ann)], shown)
        same(row, {'id': ann, 'country_id': False, 'category_id': [], 'child_ids': []})
    with step(f'{protocol}: fields_get'):
        same(partners.fields_get(['name'], ['type', 'string']), {'name': {'type': 'char', 'string': 'Name'}})
    with step(f'{protocol}: name_search'):
        same(partners.name_search(f'{target.unique} Cid'), [[cid, f'{target.unique} Cid']])
    with step(f'{protocol}: contexts'):
        partners.write([cid], {'active': False})
        same(partners.search([('id', '=', cid)]), [])
        same(partners.search([('id', '=', cid)], context={'active_test': False}), [cid])
        dan = f'{target.unique} {protocol} Dan'
        partners.create({'name': dan}, context={'default_city': 'Brugge'})
        (row,) = partners.search_read([('name', '=', dan)], ['city'])
        same(row['city'], 'Brugge')
        partners.unlink([row['id']])
    with step(f'{protocol}: context: language'):
        tags = connection.get_model('res.partner.category')
        (tag,) = tags.create([{'name': f'{target.unique} {protocol} gold'}])
        tags.write([tag], {'name': f'{target.unique} {protocol} or'}, context={'lang': target.language})
        for language, name in ((target.language, 'or'), ('en_US', 'gold')):
            (row,) = tags.search_read([('id', '=', tag)], ['name'], context={'lang': language})
            same(row['name'], f'{target.unique} {protocol} {name}')
    with step(f'{protocol}: attachment'):
        files = connection.get_model('ir.attachment')
        data = base64.b64encode(b'hello world').decode()
        (file,) = files.create([{'name': f'{target.unique}.txt', 'datas': data, 'res_model': 'res.partner', 'res_id': ann}])
        same(files.search_read([('id', '=', file)], ['datas', 'mimetype']), [{'id': file, 'datas': data, 'mimetype': 'text/plain'}])
        same(files.unlink([file]), True)
    with step(f'{protocol}: a method of records'):
        same(partners.address_get([ann], ['invoice']), {'contact': ann, 'invoice': ann})
    with step(f'{protocol}: user context'):
        holds('lang' in connection.get_user_context(), connection.get_user_context())
    with step(f'{protocol}: errors'):
        with raises(error, 'recursive'):
            partners.write([ann], {'parent_id': ann})
        with raises(error, 'nope'):
            partners.nope([ann])
        with raises(error, 'no.such'):
            connection.get_model('no.such').search(domain=[])
    with step(f'{protocol}: unlink'):
        same(partners.unlink([ann, bob, cid]), True)
        same(partners.search_count(mine), 0)


for name, fault in (('jsonrpc', JsonRPCException), ('xmlrpc', xmlrpc.client.Fault)):
    records(name, login(name, fault), fault)

with step('no credentials'):
    with raises(AuthenticationError, 'Credentials not provided'):
        connect('jsonrpc', None).check_login()

if target.major >= 19 and target.api_key:
    with step('json2: wrong key'):
        same(connect('json2', 'wrong').check_login(), False)
        with raises(AuthenticationError, 'API key'):
            connect('json2', 'wrong').get_model('res.partner').search(domain=[])
    with step('json2: key'):
        json2 = connect('json2', target.api_key)
        same(json2.check_login(), True)
    with step('json2: read of one id'):
        # The connection gives one record itself, not a list of one.
        user = json2.get_user_context()['uid']
        same(json2.get_model('res.users').read([user], ['login']), {'id': user, 'login': target.login})
    with step('json2: arguments by name'):
        holds(user in json2.get_model('res.users').search(domain=[], limit=80, order='id'))
        with raises(ValueError, 'Invalid request', 'surplus'):
            json2.get_model('res.users').search(domain=[], surplus=1)
    records('json2', json2, ValueError)
