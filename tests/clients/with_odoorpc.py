"""OdooRPC 0.10.1: /jsonrpc with records that are read as their fields are asked for."""

import base64
import datetime
import os
import tempfile

import odoorpc

from steps import holds, raises, same, step, target

RPCError = odoorpc.error.RPCError
protocol = 'jsonrpc+ssl' if target.ssl else 'jsonrpc'

with step('version'):
    odoo = odoorpc.ODOO(target.host, protocol=protocol, port=target.port)
    holds(odoo.version.startswith(target.series), odoo.version)

with step('databases'):
    holds(target.db in odoo.db.list(), odoo.db.list())

with step('not logged in'):
    with raises(odoorpc.error.InternalError, 'Login required'):
        odoo.env

with step('wrong password'):
    with raises(RPCError, 'Wrong login ID or password'):
        odoo.login(target.db, target.login, 'wrong')

with step('unknown database'):
    with raises(RPCError):
        odoo.login(f'none_{target.unique}', target.login, target.password)

with step('login'):
    odoo.login(target.db, target.login, target.password)
    same((odoo.env.db, odoo.env.context['uid']), (target.db, odoo.env.uid))
    same(odoo.env.user.login, target.login)

with step('models'):
    holds('res.partner' in odoo.env and 'no.such' not in odoo.env)

partners = odoo.env['res.partner']

with step('create one and several'):
    ann = partners.create(target.people()[0])
    bob, cid = partners.create(target.people()[1:])
    holds(ann < bob < cid, (ann, bob, cid))

with step('search with operators, order, limit and offset'):
    same(partners.search(target.mine(), order='name desc'), [cid, bob, ann])
    same(partners.search(target.mine(), order='name', limit=1, offset=1), [bob])
    same(partners.search(target.mine('|', ('color', '>', 5), ('city', 'in', ['Ath'])), order='id'), [ann, bob, cid])
    same(partners.search(target.mine(('city', '!=', 'Ath'))), [cid])
    same(partners.search_count(target.mine(('name', 'ilike', 'BOB'))), 1)

with step('read and search_read'):
    same(partners.read([bob], ['city', 'color', 'email']), [{'id': bob, 'city': 'Ath', 'color': 2, 'email': False}])
    same([row['color'] for row in partners.search_read(target.mine(), ['color'], order='color desc')], [7, 2, 1])

with step('execute and execute_kw'):
    same(odoo.execute('res.partner', 'search_count', [('id', '=', ann)]), 1)
    same(odoo.execute_kw('res.partner', 'search', [[('id', 'in', [ann, cid])]], {'order': 'id desc'}), [cid, ann])

with step('a record, read lazily'):
    record = partners.browse(ann)
    same((record.id, record.name, record.city, record.active), (ann, f'{target.unique} Ann', 'Ath', True))
    holds(isinstance(record.create_date, datetime.datetime), record.create_date)
    same((record.email, record.country_id.id), (False, None))

with step('records of a list'):
    records = partners.browse([cid, ann])
    same((len(records), [record.color for record in records], records[0].id), (2, [7, 1], cid))

with step('a missing record'):
    with raises(ValueError, 'There is no'):
        partners.browse(2**31 - 1)

with step('write by assignment'):
    record = partners.browse(ann)
    record.city = 'Mons'
    same(partners.browse(ann).city, 'Mons')

with step('write several fields at once'):
    odoo.config['auto_commit'] = False
    record.city, record.color = 'Ath', 4
    same(partners.read([ann], ['city', 'color'])[0]['color'], 1)
    odoo.env.commit()
    odoo.config['auto_commit'] = True
    same(partners.read([ann], ['city', 'color']), [{'id': ann, 'city': 'Ath', 'color': 4}])

with step('grouping'):
    groups = partners.read_group(target.mine(), ['color:sum'], ['city'])
    same([(group['city'], group['city_count'], group['color']) for group in groups], [('Ath', 2, 6), ('Gent', 1, 7)])

with step('many2one'):
    (belgium,) = odoo.env['res.country'].search([('code', '=', 'BE')])
    record.country_id = belgium
    same(partners.browse(ann).country_id.code, 'BE')
    same(partners.read([ann], ['country_id'])[0]['country_id'], [belgium, 'Belgium'])
    record.country_id = False
    same(partners.read([ann], ['country_id'])[0]['country_id'], False)

with step('many2many'):
    gold, iron = odoo.env['res.partner.category'].create([{'name': f'{target.unique} {name}'} for name in ('gold', 'iron')])
    record.category_id = [gold]
    record.category_id += odoo.env['res.partner.category'].browse(iron)
    same(sorted(partners.browse(ann).category_id.ids), [gold, iron])
    record.category_id -= odoo.env['res.partner.category'].browse(gold)
    same(partners.read([ann], ['category_id'])[0]['category_id'], [iron])
    record.category_id = False
    same(len(partners.browse(ann).category_id), 0)

with step('one2many commands'):
    partners.write([cid], {'child_ids': [(0, 0, {'name': f'{target.unique} Kid'}), (4, bob)]})
    children = partners.browse(cid).child_ids
    same(sorted(child.name for child in children), [f'{target.unique} Bob', f'{target.unique} Kid'])
    partners.write([cid], {'child_ids': [(3, bob)]})
    same(partners.browse(bob).parent_id.id, None)

with step('new record from defaults'):
    same(partners.browse([]).type, 'contact')

with step('fields_get'):
    fields = partners.fields_get(['name', 'country_id'], attributes=['type', 'relation'])
    same(fields, {'name': {'type': 'char'}, 'country_id': {'type': 'many2one', 'relation': 'res.country'}})

with step('name_search'):
    same(partners.name_search(f'{target.unique} Ann'), [[ann, f'{target.unique} Ann']])

with step('context: language'):
    tags = odoo.env['res.partner.category']
    tags.with_context(lang=target.language).write([gold], {'name': f'{target.unique} or'})
    same(tags.with_context(lang=target.language).browse(gold).name, f'{target.unique} or')
    same(tags.with_context(lang='en_US').browse(gold).name, f'{target.unique} gold')

with step('context: archived records'):
    partners.write([bob], {'active': False})
    same(partners.search(target.mine(('id', '=', bob))), [])
    same(partners.with_context(active_test=False).search(target.mine(('id', '=', bob))), [bob])
    partners.write([bob], {'active': True})

with step('external ids'):
    same(odoo.env.ref('base.main_company').id, 1)
    with raises(RPCError):
        odoo.env.ref(f'base.{target.unique}')

with step('a method of records'):
    same(partners.browse(ann).address_get(['invoice']), {'contact': ann, 'invoice': ann})

with step('validation error'):
    with raises(RPCError, 'recursive'):
        partners.write([ann], {'parent_id': ann})

with step('errors and their details'):
    with raises(RPCError, 'nope') as caught:
        partners.search([('nope', '=', 1)])
    same(caught.error.info['data']['name'], 'builtins.ValueError')
    same(caught.error.info['code'], 200 if target.major < 19 else 0)
    holds('Traceback' in caught.error.info['data']['debug'], caught.error.info)
    with raises(RPCError, 'nope'):
        partners.nope()
    with raises(RPCError, 'Private methods'):
        odoo.execute('res.partner', '_write')

with step('a session of the web client, an attachment and its download'):
    login = {'db': target.db, 'login': target.login, 'password': target.password}
    same(odoo.json('/web/session/authenticate', login)['result']['uid'], odoo.env.uid)
    data = base64.b64encode(b'hello world').decode()
    attachment = odoo.env['ir.attachment'].create({'name': f'{target.unique}.txt', 'datas': data})
    same(odoo.env['ir.attachment'].browse(attachment).mimetype, 'text/plain')
    same(odoo.http(f'web/content/{attachment}').read(), b'hello world')
    odoo.json('/web/session/destroy', {})

with step('unlink'):
    holds(partners.unlink([bob]) and partners.browse([cid]).unlink())
    same(partners.search(target.mine(('id', 'in', [bob, cid]))), [])
    with raises(RPCError, 'does not exist'):
        partners.write([bob], {'name': 'x'})

with step('sessions, saved and loaded'):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'odoorpcrc')
        odoo.save('here', file)
        same(odoorpc.ODOO.list(file), ['here'])
        same(odoorpc.ODOO.load('here', file).env.uid, odoo.env.uid)
        odoorpc.ODOO.remove('here', file)
        same(odoorpc.ODOO.list(file), [])

with step('logout'):
    same((odoo.logout(), odoo.logout()), (True, False))

if target.api_key:
    with step('API key as the password'):
        odoo.login(target.db, target.login, target.api_key)
        same(odoo.env['res.partner'].search([('id', '=', ann)]), [ann])
