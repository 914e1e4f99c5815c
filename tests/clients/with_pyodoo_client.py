"""pyodoo_client 19.0.4: /json/2, so 19.0 only.

Left out, since it cannot work with any Odoo: `save` of a new entity sends an argument `vals` that create takes for a field.
What `client.database` does beyond listing wants the master password. A domain that is given by position is the list of
arguments, with the domain in it: of a list of one list the library takes that one.
"""

import base64

from pyodoo_client import OdooApiError, OdooClient, OdooConfigError, OdooEntity

from steps import holds, raises, same, step, target


def connect(api_key, **more):
    return OdooClient(target.url, api_key=api_key, db=target.db, **more)


with step('version'):
    client = connect(target.api_key, debug=True)
    holds(client.database.server_version().startswith(target.series), client.database.version())

with step('databases'):
    holds(target.db in client.database.list() and client.database.db_exist(target.db))

with step('wrong key'):
    wrong_key = target.api_key[::-1]
    wrong = connect(wrong_key)
    same((wrong.logged_in, wrong.error.status_code, wrong.error.message), (False, 401, 'Invalid apikey'))
    with raises(OdooApiError, '401: Invalid apikey'):
        connect(wrong_key, debug=True)

with step('no key'):
    none = connect(None)
    same((none.logged_in, isinstance(none.error, OdooConfigError)), (False, True))

with step('login'):
    holds(client.logged_in and client.uid > 0, client.uid)
    same(client.model('res.users').get(client.uid).login, target.login)

partners = client.model('res.partner')

with step('create one and several'):
    ann = partners.create(target.people()[0])
    bob, cid = partners.create(target.people()[1:])
    mine = [['id', 'in', [ann, bob, cid]]]
    holds(0 < ann < bob < cid, (ann, bob, cid))

with step('search with operators, order, limit and offset'):
    same(partners.search([mine], {'order': 'name desc'}), [cid, bob, ann])
    same(partners.search({'domain': mine, 'offset': 1, 'limit': 1, 'order': 'name'}), [bob])
    same(partners.search(domain=['|', ['id', '=', cid], ['name', '=ilike', f'{target.unique} ANN']], order='id'), [ann, cid])
    same(partners.search_count({'domain': [*mine, ['color', '>', 1]]}), 2)

with step('search_read and read'):
    rows = partners.search_read([mine], {'fields': ['name', 'color'], 'order': 'color desc', 'limit': 2})
    holds(isinstance(rows[0], OdooEntity), rows)
    same([(row.id, row.color) for row in rows], [(cid, 7), (bob, 2)])
    same([row.city for row in partners.read([cid, ann], {'fields': ['city']})], ['Gent', 'Ath'])

with step('grouping'):
    groups = partners.formatted_read_group({'domain': mine, 'groupby': ['city'], 'aggregates': ['color:sum', '__count']})
    same([(group['city'], group['__count'], group['color:sum']) for group in groups], [('Ath', 2, 3), ('Gent', 1, 7)])

with step('write'):
    same(partners.write([ann, bob], {'city': 'Mons'}), True)
    same(partners.search_count({'domain': [*mine, ['city', '=', 'Mons']]}), 2)

with step('entities: only what changed is saved'):
    record = partners.get(ann)
    same((record.exists(), record.city, record.get_data(['id', 'color'])), (True, 'Mons', {'id': ann, 'color': 1}))
    record.city = 'Ath'
    same(dict(record.get_changed_data()), {'city': 'Ath'})
    same(record.save(), ann)
    same(partners.get(ann).city, 'Ath')

with step('many2one and x2many commands'):
    (belgium,) = client.model('res.country').search([[['code', '=', 'BE']]])
    tag = [0, 0, {'name': f'{target.unique} tag'}]
    partners.write([ann], {'country_id': belgium, 'category_id': [tag], 'child_ids': [[4, bob, 0]]})
    record.refresh()
    same((record.country_id, len(record.category_id), record.child_ids), ([belgium, 'Belgium'], 1, [bob]))
    partners.write([ann], {'country_id': False, 'category_id': [[5, 0, 0]], 'child_ids': [[3, bob, 0]]})
    record.refresh()
    same((record.country_id, record.category_id, record.child_ids), (False, [], []))

with step('fields_get and name_search'):
    same(partners.fields()['country_id']['relation'], 'res.country')
    same(partners.fields_get({'allfields': ['name'], 'attributes': ['type']}), {'name': {'type': 'char'}})
    same(partners.name_search({'name': f'{target.unique} Cid'}), [[cid, f'{target.unique} Cid']])

with step('context: language'):
    tags = client.model('res.partner.category')
    tag = tags.create({'name': f'{target.unique} gold'})
    tags.with_context(lang=target.language).write([tag], {'name': f'{target.unique} or'})
    same(tags.with_context(lang=target.language).get(tag).name, f'{target.unique} or')
    same(tags.with_context({'lang': 'en_US'}).get(tag).name, f'{target.unique} gold')

with step('context: archived records and defaults'):
    partners.write([cid], {'active': False})
    same(partners.search([[['id', '=', cid]]]), [])
    same(partners.with_context(active_test=False).search([[['id', '=', cid]]]), [cid])
    client.set_default_context({'default_city': 'Brugge'})
    made = partners.create({'name': f'{target.unique} Dan'})
    client.set_default_context()
    same(partners.get(made).city, 'Brugge')
    partners.unlink([made])

with step('company'):
    same(partners.with_company(1).search([[['id', '=', ann]]]), [ann])

with step('a method of records'):
    same(partners.address_get({'ids': [ann], 'adr_pref': ['invoice']}), {'contact': ann, 'invoice': ann})
    same(partners.execute('check_access_rights', operation='write', raise_exception=False), True)

with step('attachment'):
    data = base64.b64encode(b'hello world').decode()
    file = client.model('ir.attachment').create({'name': f'{target.unique}.txt', 'datas': data})
    same(client.model('ir.attachment').read([file], {'fields': ['datas', 'mimetype']})[0].get_data(['datas', 'mimetype']),
         {'datas': data, 'mimetype': 'text/plain'})
    same(client.model('ir.attachment').unlink([file]), True)

with step('errors'):
    for status, name, method, payload in (
        (422, 'odoo.exceptions.ValidationError', 'write', {'ids': [ann], 'vals': {'parent_id': ann}}),
        (500, 'builtins.ValueError', 'search', {'domain': [['nope', '=', 1]]}),
        (422, 'werkzeug.exceptions.UnprocessableEntity', 'search', {'domain': [], 'nope': 1}),
        (404, 'werkzeug.exceptions.NotFound', 'nope', {}),
        (403, 'odoo.exceptions.AccessError', '_write', {}),
    ):
        with raises(OdooApiError) as caught:
            partners.execute(method, payload)
        same((caught.error.status_code, caught.error.payload['name']), (status, name))

with step('errors that are not raised'):
    quiet = partners.with_context().set_debug(False)
    same((quiet.search([[['nope', '=', 1]]]), quiet.error.status_code), ([], 500))

with step('unlink'):
    same((record.delete(), partners.unlink([bob, cid])), (True, True))
    same(partners.read([ann]), [])
