"""xmlrpc.client of the standard library: /xmlrpc/2 and, shorter, the older /xmlrpc."""

import base64
import datetime
import xmlrpc.client

from steps import holds, raises, same, step, target

Fault = xmlrpc.client.Fault


def service(name, version='/2', **more):
    return xmlrpc.client.ServerProxy(f'{target.url}/xmlrpc{version}/{name}', **more)


common = service('common')
objects = service('object')


def call(model, method, *args, **kwargs):
    return objects.execute_kw(target.db, uid, target.password, model, method, args, kwargs)


with step('version'):
    version = common.version()
    same((version['server_serie'], version['protocol_version']), (target.series, 1))
    same(version['server_version_info'][:2], [target.major, 0])

with step('databases'):
    holds(target.db in service('db').list())
    same(service('db').db_exist(target.db), True)
    holds(service('db').server_version().startswith(target.series))

with step('wrong password'):
    same(common.authenticate(target.db, target.login, 'wrong', {}), False)

with step('login'):
    uid = common.authenticate(target.db, target.login, target.password, {})
    same(common.login(target.db, target.login, target.password), uid)

with step('create'):
    ann, bob, cid = call('res.partner', 'create', target.people())
    holds(0 < ann < bob < cid, (ann, bob, cid))
    dan = call('res.partner', 'create', {'name': f'{target.unique} Dan'})
    holds(dan > cid, dan)

with step('search with operators, order, limit and offset'):
    mine = [['id', 'in', [ann, bob, cid]]]
    same(call('res.partner', 'search', mine, order='name desc'), [cid, bob, ann])
    same(call('res.partner', 'search', mine, offset=1, limit=1, order='name'), [bob])
    same(call('res.partner', 'search', ['|', ['id', '=', cid], ['name', '=ilike', f'{target.unique} ANN']], order='id'), [ann, cid])
    same(call('res.partner', 'search', [*mine, '!', ['color', '<', 7]]), [cid])
    same(call('res.partner', 'search_count', [*mine, ['city', 'not in', ['Gent']]]), 2)

with step('execute'):
    same(objects.execute(target.db, uid, target.password, 'res.partner', 'search', [['id', '=', ann]]), [ann])

with step('read and search_read'):
    same(call('res.partner', 'read', [bob], ['city', 'email', 'active']), [{'id': bob, 'city': 'Ath', 'email': False, 'active': True}])
    same(call('res.partner', 'search_read', mine, ['color'], limit=2, order='color desc'), [{'id': cid, 'color': 7}, {'id': bob, 'color': 2}])

with step('write'):
    same(call('res.partner', 'write', [ann, bob], {'city': 'Mons'}), True)
    same(call('res.partner', 'search_count', [*mine, ['city', '=', 'Mons']]), 2)

with step('values of all types'):
    text = f'{target.unique} é€😀 <&> "q"'
    call('res.partner', 'write', [dan], {'name': text, 'color': -3, 'partner_latitude': 50.85, 'active': True, 'ref': ''})
    (row,) = call('res.partner', 'read', [dan], ['name', 'color', 'partner_latitude', 'active', 'parent_id', 'child_ids', 'create_date'])
    same((row['name'], row['color'], row['partner_latitude'], row['active']), (text, -3, 50.85, True))
    same((row['parent_id'], row['child_ids']), (False, []))
    holds(datetime.datetime.strptime(row['create_date'], '%Y-%m-%d %H:%M:%S'))

with step('nothing as a value'):
    nil = service('object', allow_none=True)
    nil.execute_kw(target.db, uid, target.password, 'res.partner', 'write', [[dan], {'ref': None}])
    same(call('res.partner', 'read', [dan], ['ref']), [{'id': dan, 'ref': False}])

with step('a time as a value'):
    past = datetime.datetime(2001, 2, 3, 4, 5, 6)
    same(call('res.partner', 'search_count', [*mine, ['create_date', '>', past]]), 3)

with step('grouping'):
    (group,) = call('res.partner', 'read_group', [*mine, ['city', '=', 'Mons']], ['color:sum'], ['city'])
    same((group['city'], group['city_count'], group['color']), ('Mons', 2, 3))

with step('many2one and x2many commands'):
    (belgium,) = call('res.country', 'search', [['code', '=', 'BE']])
    tag = [0, 0, {'name': f'{target.unique} tag'}]
    call('res.partner', 'write', [ann], {'country_id': belgium, 'category_id': [tag], 'child_ids': [[4, bob, 0]]})
    (row,) = call('res.partner', 'read', [ann], ['country_id', 'category_id', 'child_ids'])
    same((row['country_id'], len(row['category_id']), row['child_ids']), ([belgium, 'Belgium'], 1, [bob]))
    call('res.partner', 'write', [ann], {'country_id': False, 'category_id': [[6, 0, []]], 'child_ids': [[3, bob, 0]]})
    (row,) = call('res.partner', 'read', [ann], ['country_id', 'category_id', 'child_ids'])
    same(row, {'id': ann, 'country_id': False, 'category_id': [], 'child_ids': []})

with step('fields_get'):
    same(call('res.partner', 'fields_get', ['name'], attributes=['type', 'string']), {'name': {'type': 'char', 'string': 'Name'}})

with step('name_search'):
    same(call('res.partner', 'name_search', f'{target.unique} Cid'), [[cid, f'{target.unique} Cid']])

if target.major <= 17:
    with step('name_get'):
        same(call('res.partner', 'name_get', [cid, ann]), [[cid, f'{target.unique} Cid'], [ann, f'{target.unique} Ann']])

with step('context: language'):
    tag = call('res.partner.category', 'create', {'name': f'{target.unique} gold'})
    call('res.partner.category', 'write', [tag], {'name': f'{target.unique} or'}, context={'lang': target.language})
    for language, name in ((target.language, 'or'), ('en_US', 'gold')):
        same(call('res.partner.category', 'read', [tag], ['name'], context={'lang': language})[0]['name'], f'{target.unique} {name}')

with step('context: archived records'):
    call('res.partner', 'write', [cid], {'active': False})
    same(call('res.partner', 'search', [['id', '=', cid]]), [])
    same(call('res.partner', 'search', [['id', '=', cid]], context={'active_test': False}), [cid])

with step('attachment'):
    data = base64.b64encode(bytes(range(256))).decode()
    file = call('ir.attachment', 'create', {'name': f'{target.unique}.bin', 'datas': data, 'res_model': 'res.partner', 'res_id': ann})
    same(call('ir.attachment', 'read', [file], ['datas', 'file_size', 'type']), [{'id': file, 'datas': data, 'file_size': 256, 'type': 'binary'}])
    call('ir.attachment', 'unlink', [file])

with step('access rights'):
    same(call('res.partner', 'check_access_rights', 'write', raise_exception=False), True)

with step('fault 1: an error of the program'):
    for method, args in (('nope', []), ('search', [[['nope', '=', 1]]]), ('write', [[ann]])):
        with raises(Fault) as caught:
            call('res.partner', method, *args)
        same(caught.error.faultCode, 1)
        holds('Traceback (most recent call last)' in caught.error.faultString, caught.error.faultString)

with step('fault 2: an error of the user'):
    with raises(Fault) as caught:
        call('res.partner', 'write', [ann], {'parent_id': ann})
    same((caught.error.faultCode, caught.error.faultString), (2, 'You cannot create recursive Partner hierarchies.'))
    with raises(Fault) as caught:
        call('no.such', 'search', [])
    same(caught.error.faultCode, 2)

with step('fault 3: access denied'):
    with raises(Fault) as caught:
        objects.execute_kw(target.db, uid, 'wrong', 'res.partner', 'search', [[]])
    same((caught.error.faultCode, caught.error.faultString), (3, 'Access Denied'))

with step('fault 4: not allowed'):
    with raises(Fault, 'Private methods') as caught:
        call('res.partner', '_write', [ann])
    same(caught.error.faultCode, 4)

with step('unlink'):
    same(call('res.partner', 'unlink', [ann, bob, cid, dan]), True)
    same(call('res.partner', 'read', [ann], ['name']), [])
    with raises(Fault, 'does not exist') as caught:
        call('res.partner', 'write', [ann], {'name': 'x'})
    same(caught.error.faultCode, 2)

if target.api_key:
    with step('API key as the password'):
        same(common.authenticate(target.db, target.login, target.api_key, {}), uid)
        same(objects.execute_kw(target.db, uid, target.api_key, 'res.users', 'search', [[['id', '=', uid]]]), [uid])

with step('the older /xmlrpc'):
    same(service('common', '').login(target.db, target.login, target.password), uid)
    old = service('object', '')
    same(old.execute(target.db, uid, target.password, 'res.users', 'search', [['id', '=', uid]]), [uid])

with step('faults of the older /xmlrpc are texts'):
    with raises(Fault) as caught:
        old.execute_kw(target.db, uid, 'wrong', 'res.partner', 'search', [[]])
    same((caught.error.faultCode, caught.error.faultString), ('AccessDenied', 'Access Denied'))
    with raises(Fault) as caught:
        old.execute_kw(target.db, uid, target.password, 'res.partner', 'search', [[['nope', '=', 1]]])
    holds('nope' in caught.error.faultCode and 'Traceback' in caught.error.faultString, caught.error)
