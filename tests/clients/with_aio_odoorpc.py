"""aio-odoorpc 2.0.0 with httpx: /jsonrpc, awaited; and the same without awaiting.

Left out, since they cannot work with any Odoo: `version`, `server_version` and `list_lang` of aio_odoorpc_base send no `args`,
`list_databases` takes nothing but a boolean, defaults of `copy_data` are sent as a list, and assigning `context` never ends.
"""

import asyncio
import base64

import aio_odoorpc_base
import httpx
from aio_odoorpc import AsyncOdooRPC, OdooRPC

from steps import holds, raises, same, step, target

URL = aio_odoorpc_base.odoo_base_url2jsonrpc_endpoint(target.url)


def arguments(password, **more):
    return {
        'database': target.db,
        'username_or_uid': target.login,
        'password': password,
        'url_jsonrpc_endpoint': URL,
        'default_model_name': 'res.partner',
        **more,
    }


async def service(client):
    with step('databases'):
        same(await aio_odoorpc_base.db_exist(client, URL, db_name=target.db), True)
        same(await aio_odoorpc_base.db_exist(client, URL, db_name=f'none_{target.unique}'), False)


async def login(client):
    with step('wrong password'):
        same(await AsyncOdooRPC(**arguments('wrong'), http_client=client).login(), False)
    with step('not logged in'):
        with raises(RuntimeError, 'did you forget to login'):
            await AsyncOdooRPC(**arguments('wrong'), http_client=client).search([])
    odoo = AsyncOdooRPC(**arguments(target.password), http_client=client)
    with step('login'):
        uid = await odoo.login()
        same(await odoo.search_count([('id', '=', uid)], model_name='res.users'), 1)
    with step('wrong password of a known user'):
        with raises(RuntimeError, 'Access Denied'):
            await AsyncOdooRPC(**arguments('wrong', username_or_uid=uid), http_client=client).search([])
    if target.api_key:
        with step('API key as the password'):
            by_key = AsyncOdooRPC(**arguments(target.api_key), http_client=client)
            same(await by_key.login(), uid)
            same(await by_key.search([('id', '=', uid)], model_name='res.users'), [uid])
    return odoo


async def records(odoo):
    with step('create'):
        ann, bob, cid = await odoo.execute_kw('create', target.people())
        mine = [('id', 'in', [ann, bob, cid])]
        holds(0 < ann < bob < cid, (ann, bob, cid))
    with step('search with operators, order, limit and offset'):
        same(await odoo.search(mine, order='name desc'), [cid, bob, ann])
        same(await odoo.search(mine, offset=1, limit=1, order='name'), [bob])
        same(await odoo.search_count([*mine, ('name', 'ilike', 'BOB'), ('city', '=like', 'A%')]), 1)
    with step('search_read and read'):
        same(await odoo.search_read(mine, fields=['color'], order='color desc', limit=2), [{'id': cid, 'color': 7}, {'id': bob, 'color': 2}])
        same(await odoo.read(bob, fields=['city', 'email']), [{'id': bob, 'city': 'Ath', 'email': False}])
        same([row['id'] for row in await odoo.read([cid, ann, bob], fields=['city'], offset=1)], [ann, bob])
    with step('many calls at once'):
        counts = await asyncio.gather(*(odoo.search_count([('id', '=', number)]) for number in (ann, bob, cid) * 5))
        same(counts, [1] * 15)
    with step('grouping'):
        groups = await odoo.execute_kw('read_group', mine, {'fields': ['color:sum'], 'groupby': ['city']})
        same([(group['city'], group['city_count'], group['color']) for group in groups], [('Ath', 2, 3), ('Gent', 1, 7)])
    with step('write'):
        same(await odoo.write([ann, bob], {'city': 'Mons'}), True)
        same(await odoo.search_count([*mine, ('city', '=', 'Mons')]), 2)
    with step('many2one and x2many commands'):
        (belgium,) = await odoo.new_for_model('res.country').search([('code', '=', 'BE')])
        tag = [0, 0, {'name': f'{target.unique} tag'}]
        await odoo.write(ann, {'country_id': belgium, 'category_id': [tag], 'child_ids': [[4, bob, 0]]})
        (row,) = await odoo.read(ann, fields=['country_id', 'category_id', 'child_ids'])
        same((row['country_id'], len(row['category_id']), row['child_ids']), ([belgium, 'Belgium'], 1, [bob]))
    with step('forms of many2one values'):
        for form, expected in (('int', belgium), ('dict', {'id': belgium}), ('list_of_int', [belgium]), ('noop', [belgium, 'Belgium'])):
            odoo.set_format_for_id_fields(form)
            same(await odoo.read(ann, fields=['country_id']), [{'id': ann, 'country_id': expected}])
    with step('fields_get and name_search'):
        same(await odoo.execute_kw('fields_get', ['name'], {'attributes': ['type']}), {'name': {'type': 'char'}})
        same(await odoo.execute_kw('name_search', f'{target.unique} Cid'), [[cid, f'{target.unique} Cid']])
    with step('copy_data'):
        (data,) = await odoo.copy_data(cid)
        same(data['city'], 'Gent')
    with step('context: archived records'):
        await odoo.write(cid, {'active': False})
        same(await odoo.search([('id', '=', cid)]), [])
        odoo.forced_context = {'active_test': False}
        same(await odoo.search([('id', '=', cid)], limit=5), [cid])
        odoo.forced_context = None
    with step('context: language'):
        tags = odoo.new_for_model('res.partner.category')
        tag = await tags.execute_kw('create', {'name': f'{target.unique} gold'})
        tags.forced_context = {'lang': target.language}
        await tags.write(tag, {'name': f'{target.unique} or'})
        names = []
        for language in (target.language, 'en_US'):
            tags.forced_context = {'lang': language}
            names += await tags.search_read([('id', '=', tag)], fields=['name'])
        same(names, [{'id': tag, 'name': f'{target.unique} or'}, {'id': tag, 'name': f'{target.unique} gold'}])
    with step('attachment'):
        files = odoo.new_for_model('ir.attachment')
        data = base64.b64encode(b'hello world').decode()
        values = {'name': f'{target.unique}.txt', 'datas': data, 'res_model': 'res.partner', 'res_id': ann}
        file = await files.execute_kw('create', values)
        same(await files.read(file, fields=['datas', 'mimetype']), [{'id': file, 'datas': data, 'mimetype': 'text/plain'}])
        same(await files.execute_kw('unlink', [file]), True)
    with step('a method of records'):
        same(await odoo.execute_kw('address_get', [ann], {'adr_pref': ['invoice']}), {'contact': ann, 'invoice': ann})
    with step('errors'):
        with raises(RuntimeError, 'odoo.exceptions.ValidationError', 'recursive'):
            await odoo.write(ann, {'parent_id': ann})
        with raises(RuntimeError, 'builtins.ValueError', 'nope'):
            await odoo.search([('nope', '=', 1)])
        with raises(RuntimeError, 'odoo.exceptions.MissingError'):
            await odoo.write(2**31 - 1, {'name': 'x'})
    with step('unlink'):
        same(await odoo.execute_kw('unlink', [ann, bob, cid]), True)
        same(await odoo.read(ann, fields=['name']), [])


async def awaited():
    async with httpx.AsyncClient(timeout=60) as client:
        await service(client)
        await records(await login(client))


def without_awaiting():
    with step('without awaiting'):
        with httpx.Client(timeout=60) as client:
            odoo = OdooRPC(**arguments(target.password), http_client=client)
            uid = odoo.login()
            same(odoo.read(uid, fields=['login'], model_name='res.users'), [{'id': uid, 'login': target.login}])


asyncio.run(awaited())
without_awaiting()
