import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { useOdoo } from 'wiredoo/node-test';

import { session } from './session.js';

const odoo = useOdoo();

test('calls are in the journal, whoever made them', async () => {
  const client = await session(odoo);
  const id = await client.call('res.partner', 'create', [{ name: 'Acme' }]);
  await odoo.execute('res.partner', 'write', [[id], { name: 'Beta' }]);

  const [create] = await odoo.journal.entries('res.partner.create');
  assert.equal(create.db, odoo.db);
  assert.equal(create.dialect, 'web');
  assert.deepEqual(create.user, { id: 2, login: 'admin' });
  assert.equal(create.outcome, 'ok');
  assert.equal(create.status, 200);
  const [write] = await odoo.journal.entries({ model: 'res.partner', method: ['write', 'unlink'], dialect: 'jsonrpc' });
  assert.deepEqual(write.ids, [id]);
  assert.deepEqual(write.args.vals, { name: 'Beta' });
  assert.deepEqual(await odoo.journal.entries('*', { since: write.id }), []);
  assert.equal((await odoo.journal.entries('*', { limit: 1 }))[0].id, write.id);
});

test('nothing secret is in the journal', async () => {
  await session(odoo);
  await odoo.journal.settings({ bodies: true });
  try {
    await odoo.execute('res.users', 'create', [{ name: 'Eve', login: 'eve', password: 'a secret' }]);
    const text = await odoo.journal.exportJsonLines();
    assert.match(text, /"eve"/);
    assert.doesNotMatch(text, /a secret|"admin","admin"/);
    assert.doesNotMatch(text, new RegExp(odoo.apiKey));
  } finally {
    await odoo.journal.settings({ bodies: false });
  }
});

test('calls are asserted', async () => {
  await odoo.execute('res.partner', 'create', [{ name: 'Acme', ref: 'a' }]);
  await odoo.execute('res.partner', 'search', [[['ref', '=', 'a']]]);

  const calls = await odoo.journal.assertCalled('res.partner.create', { exactly: 1 });
  assert.equal(calls[0].method, 'create');
  await odoo.journal.assertCalled('res.partner.*', { atLeast: 2 });
  await odoo.journal.assertCalled('res.partner.search', { atMost: 1 });
  await odoo.journal.assertNotCalled('res.partner.unlink');
  await odoo.journal.assertInOrder(['res.partner.create', 'res.partner.search']);
});

test('what was called instead is told', async () => {
  const id = await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
  await odoo.execute('res.partner', 'write', [[id], { name: 'Acne' }]);
  const wanted = { model: 'res.partner', method: 'write', where: [['args.vals.name', '=', 'Acme']] };
  await assert.rejects(odoo.journal.assertCalled(wanted, { exactly: 1 }), (error) => {
    assert.equal(error.name, 'AssertionError');
    assert.match(error.message, /expected exactly 1 call of res\.partner\.write/);
    assert.match(error.message, /args\.vals\.name: wanted "Acme", was "Acne"/);
    assert.equal(error.verdict.nearest[0].differences[0].was, 'Acne');
    return true;
  });
  await assert.rejects(odoo.journal.assertNotCalled('res.partner.create'), /expected no call of res\.partner\.create, saw 1/);
  await assert.rejects(odoo.journal.assertInOrder(['res.partner.write', 'res.partner.create']), /there was one before/);
  assert.equal((await odoo.journal.verify(wanted)).ok, false);
  assert.equal((await odoo.journal.verify(wanted, { never: true })).ok, true);
});

test('calls are waited for', async () => {
  const waiting = odoo.journal.waitFor('res.partner.create', { count: 2, timeoutMs: 10_000 });
  await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
  await odoo.execute('res.partner', 'create', [{ name: 'Beta' }]);
  assert.equal((await waiting).length, 2);
  await assert.rejects(odoo.journal.waitFor('res.partner.unlink', { timeoutMs: 10 }), { name: 'AssertionError' });
});

test('the journal is exported and cleared', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wiredoo-'));
  try {
    await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
    const har = await odoo.journal.exportHar(join(folder, 'calls.har'));
    assert.equal(har.log.version, '1.2');
    assert.ok(har.log.entries.length >= 1);
    assert.deepEqual(JSON.parse(await readFile(join(folder, 'calls.har'), 'utf8')), har);
    await odoo.journal.exportJsonLines(join(folder, 'calls.jsonl'));
    const lines = (await readFile(join(folder, 'calls.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
    assert.equal(lines.at(-1).method, 'create');
    await odoo.journal.clear();
    assert.deepEqual(await odoo.journal.entries(), []);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a wrong question is refused', async () => {
  await assert.rejects(odoo.journal.entries({ model: 'res.partner', wher: [] }), (error) => error.status === 422 && /wher/.test(error.message));
  await assert.rejects(odoo.journal.assertCalled('*', { exactly: 1, atLeast: 1 }), /only one of/);
});
