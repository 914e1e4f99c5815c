import assert from 'node:assert/strict';
import { test } from 'node:test';

import { useOdoo } from 'wiredoo/node-test';

import { session } from './session.js';

const odoo = useOdoo();
const acme = [{ name: 'Acme' }];
const count = () => odoo.execute('res.partner', 'search_count', [[['name', '=', 'Acme']]]);

for (const [method, name] of [
  ['accessDenied', 'odoo.exceptions.AccessDenied'],
  ['accessError', 'odoo.exceptions.AccessError'],
  ['userError', 'odoo.exceptions.UserError'],
  ['validationError', 'odoo.exceptions.ValidationError'],
  ['missingError', 'odoo.exceptions.MissingError'],
]) {
  test(`${method} answers with ${name}`, async () => {
    const client = await session(odoo);
    const fault = await odoo.faults[method]('res.partner.create', { message: 'No luck today', times: 1 });
    await assert.rejects(client.call('res.partner', 'create', acme), { name, message: 'No luck today' });
    assert.equal(await fault.hits(), 1);
    await client.call('res.partner', 'create', acme);
    assert.equal(await count(), 1);
  });
}

test('a session expires', async () => {
  const client = await session(odoo);
  await odoo.faults.sessionExpired({ model: 'res.partner', method: 'create' }, { nth: 2 });
  await client.call('res.partner', 'create', acme);
  await assert.rejects(client.call('res.partner', 'create', acme), { name: 'odoo.http.SessionExpiredException', code: 100 });
  await client.call('res.partner', 'create', acme);
  assert.equal(await count(), 2);
});

test('a transaction cannot be serialized', async () => {
  await odoo.faults.serializationFailure('res.partner.create', { times: 1 });
  await assert.rejects(odoo.execute('res.partner', 'create', acme), /could not serialize/);
  await odoo.faults.serializationFailure('res.partner.create', { retried: 2, times: 1 });
  await odoo.execute('res.partner', 'create', acme);
  assert.equal(await count(), 1);
});

test('a proxy answers', async () => {
  const client = await session(odoo);
  await odoo.faults.http('res.partner.create', 503, { times: 1 });
  await odoo.faults.http('res.partner.create', 429, { retryAfter: 5, times: 1 });
  const call = () => client.post('/web/dataset/call_kw', { model: 'res.partner', method: 'create', args: acme, kwargs: {} });
  // The newest rule goes first.
  const limited = await call();
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get('retry-after'), '5');
  const unavailable = await call();
  assert.equal(unavailable.status, 503);
  assert.match(await unavailable.text(), /<html>/);
  assert.equal(await count(), 0);
});

test('a connection is cut before the call, or after it', async () => {
  const client = await session(odoo);
  await odoo.faults.cutBefore('res.partner.create', { times: 1 });
  await assert.rejects(client.call('res.partner', 'create', acme), { message: 'fetch failed' });
  assert.equal(await count(), 0);
  await odoo.faults.cutAfter('res.partner.create', { times: 1 });
  await assert.rejects(client.call('res.partner', 'create', acme), { message: 'fetch failed' });
  assert.equal(await count(), 1);
  const cut = await odoo.journal.entries('res.partner.create', { outcome: 'cut' });
  assert.equal(cut.length, 2);
});

test('an answer is truncated, malformed or slow', async () => {
  const client = await session(odoo);
  await odoo.faults.truncated('res.partner.create', { times: 1 });
  await assert.rejects(client.call('res.partner', 'create', acme));
  await odoo.faults.malformed('res.partner.create', { times: 1 });
  await assert.rejects(client.call('res.partner', 'create', acme), SyntaxError);
  await odoo.faults.slow('res.partner.create', { times: 1, bytesPerSecond: 200 });
  const begun = performance.now();
  await client.call('res.partner', 'create', acme);
  assert.ok(performance.now() - begun > 100);
  assert.equal(await count(), 3);
});

test('a call is delayed', async () => {
  await odoo.faults.delay('res.partner.create', 120);
  const begun = performance.now();
  await odoo.execute('res.partner', 'create', acme);
  assert.ok(performance.now() - begun >= 120);
});

test('the server restarts', async () => {
  const client = await session(odoo);
  await odoo.faults.restart('res.partner.create', { times: 1 });
  await assert.rejects(client.call('res.partner', 'create', acme), { message: 'fetch failed' });
  await client.call('res.partner', 'create', acme);
  assert.equal(await count(), 1);
});

test('rules are for some calls', async () => {
  await odoo.faults.userError('res.partner.create', {
    where: [['args.vals_list.ref', 'in', ['b', 'c']]],
    dialect: 'jsonrpc',
    user: 'admin',
    message: 'not this one',
  });
  await odoo.execute('res.partner', 'create', [{ name: 'Acme', ref: 'a' }]);
  await assert.rejects(odoo.execute('res.partner', 'create', [{ name: 'Acme', ref: 'b' }]), /not this one/);
  const client = await session(odoo);
  await client.call('res.partner', 'create', [{ name: 'Acme', ref: 'c' }]);
  assert.equal(await count(), 2);
});

test('faults are listed and removed', async () => {
  const one = await odoo.faults.delay('res.partner.create', 1, { name: 'slowly' });
  const other = await odoo.faults.add({ match: { model: 'res.*' }, effect: { http: 502, body: 'gone' } });
  assert.deepEqual((await odoo.faults.list()).map(({ id }) => id), [one.id, other.id]);
  const got = await odoo.faults.get(one.id);
  assert.equal(got.rule.name, 'slowly');
  assert.equal(got.rule.match.db, odoo.db);
  assert.deepEqual(got.rule.effect, { delay_ms: 1 });
  await other.remove();
  await assert.rejects(odoo.faults.get(other.id), { status: 404 });
  await odoo.faults.clear();
  assert.deepEqual(await odoo.faults.list(), []);
});

test('mistakes are refused with what to write instead', async () => {
  await assert.rejects(odoo.faults.http('*', 418), (error) => error.at === 'effect.http' && /413, 429/.test(error.message));
  await assert.rejects(odoo.faults.userError('*', { mesage: 'x' }), (error) => error.status === 422 && /mesage/.test(error.message));
  await assert.rejects(odoo.faults.userError('*', { where: [['args.x', '~', 1]] }), (error) => error.at === 'match.where');
  await assert.rejects(odoo.faults.add({ match: {}, effect: {} }), /delay_ms, error, http/);
});
