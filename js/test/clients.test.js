import assert from 'node:assert/strict';
import { test } from 'node:test';

import OdooAwait from 'odoo-await';
import { useOdoo } from 'wiredoo/node-test';

import { session } from './session.js';

const odoo = useOdoo({ series: '19.0' });

test('odoo-await works over XML-RPC', async () => {
  const { hostname, port } = new URL(odoo.url);
  const client = new OdooAwait({
    baseUrl: `http://${hostname}`,
    port: Number(port),
    db: odoo.db,
    username: odoo.login,
    password: odoo.password,
  });
  assert.equal(await client.connect(), 2);
  const id = await client.create('res.partner', { name: 'Acme', email: 'office@acme.example' });
  assert.equal(typeof id, 'number');
  await client.update('res.partner', id, { ref: 'a' });
  const [acme] = await client.searchRead('res.partner', [['id', '=', id]], ['name', 'email', 'ref']);
  assert.deepEqual(acme, { id, name: 'Acme', email: 'office@acme.example', ref: 'a' });
  await client.delete('res.partner', [id]);
  assert.deepEqual(await client.search('res.partner', [['id', '=', id]]), []);
  await odoo.journal.assertCalled({ model: 'res.partner', method: 'create', dialect: 'xmlrpc' }, { exactly: 1 });

  await odoo.faults.userError('res.partner.create', { message: 'No luck today' });
  await assert.rejects(client.create('res.partner', { name: 'Beta' }), /No luck today/);
});

test('a browser works with a cookie', async () => {
  const client = await session(odoo);
  const info = await client.rpc('/web/session/get_session_info', {});
  assert.equal(info.db, odoo.db);
  assert.equal(info.username, 'admin');
  const id = await client.call('res.partner', 'create', [{ name: 'Acme' }]);
  const found = await client.call('res.partner', 'search_read', [[['id', '=', id]]], { fields: ['name'] });
  assert.deepEqual(found, [{ id, name: 'Acme' }]);
  await client.rpc('/web/session/destroy', {});
  await assert.rejects(client.call('res.partner', 'search', [[]]), { code: 100 });
});

test('fetch that a test has replaced is not used', async () => {
  const { fetch } = globalThis;
  globalThis.fetch = () => assert.fail('fetch was used');
  try {
    await odoo.execute('res.partner', 'search_count', [[]]);
    await odoo.journal.assertCalled('res.partner.search_count');
  } finally {
    globalThis.fetch = fetch;
  }
});

test('a key works over JSON-2 until its user is gone', async () => {
  const key = '0123456789abcdef0123456789abcdef01234567';
  await odoo.load({ users: [{ login: 'shop', name: 'Shop', groups: ['base.group_user'], api_key: key }] });
  const search = async () => {
    const response = await fetch(`${odoo.url}/json/2/res.partner/search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `bearer ${key}`, 'x-odoo-database': odoo.db },
      body: JSON.stringify({ domain: [['id', '=', 1]] }),
    });
    return [response.status, await response.json()];
  };
  assert.deepEqual(await search(), [200, [1]]);
  await odoo.journal.assertCalled({ model: 'res.partner', method: 'search', dialect: 'json2' }, { exactly: 1 });

  await odoo.faults.accessError('res.partner.search', { times: 1, message: 'Not today' });
  const [status, error] = await search();
  assert.deepEqual([status, error.name, error.message], [403, 'odoo.exceptions.AccessError', 'Not today']);

  const [shop] = await odoo.execute('res.users', 'search', [[['login', '=', 'shop']]]);
  await odoo.execute('res.users', 'write', [[shop], { active: false }]);
  assert.equal((await search())[0], 401);
});
