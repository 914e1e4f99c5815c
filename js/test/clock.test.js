import assert from 'node:assert/strict';
import { test } from 'node:test';

import { useOdoo } from 'wiredoo/node-test';

import { session } from './session.js';

const odoo = useOdoo();

async function created() {
  const id = await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
  return (await odoo.execute('res.partner', 'read', [[id], ['create_date']]))[0].create_date;
}

test('the time of a database is set', async () => {
  await odoo.clock.fix('2026-01-02T03:04:05Z');
  assert.equal(await created(), '2026-01-02 03:04:05');
  assert.deepEqual(await odoo.clock.state(), { now: '2026-01-02T03:04:05Z', mode: 'fixed' });
  await odoo.clock.advance({ days: 1, seconds: 5 });
  assert.equal(await created(), '2026-01-03 03:04:10');
  await odoo.clock.set(new Date('2030-01-01T00:00:00Z'));
  assert.equal((await odoo.clock.state()).mode, 'running');
  assert.match(await created(), /^2030-01-01 00:0/);
  await odoo.clock.reset();
  assert.ok(Math.abs((await odoo.clock.now()) - Date.now()) < 60_000);
});

test('calls move the time', async () => {
  await odoo.clock.tick('2026-01-01T00:00:00Z', 60);
  const first = await odoo.clock.now();
  await created();
  assert.ok((await odoo.clock.now()) - first >= 120_000);
  assert.equal((await odoo.clock.state()).mode, 'ticking');
});

test('a session expires as time goes on', async () => {
  const client = await session(odoo);
  await client.call('res.partner', 'search', [[]]);
  await odoo.clock.advance({ days: 100 });
  await assert.rejects(client.call('res.partner', 'search', [[]]), { code: 100 });
});

test('a time that is none is refused', async () => {
  await assert.rejects(odoo.clock.set('tomorrow'), /'tomorrow' is no time/);
  await assert.rejects(odoo.clock.advance(-1), (error) => error.at === 'seconds');
});
