import assert from 'node:assert/strict';
import { test } from 'node:test';

import { OdooError, PASS } from 'wiredoo';
import { useOdoo } from 'wiredoo/node-test';

const odoo = useOdoo({ unusedStubs: 'ignore' });

test('a stub answers, also for a model that is not there', async () => {
  const stub = await odoo.stubs.answer('sale.order.action_confirm', true);
  assert.equal(await odoo.execute('sale.order', 'action_confirm', [[7]]), true);
  assert.equal(await stub.hits(), 1);
  await odoo.stubs.answer('res.partner.search_count', 42, { where: [['args.domain', '=', []]] });
  assert.equal(await odoo.execute('res.partner', 'search_count', [[]]), 42);
});

test('a stub answers in turn', async () => {
  await odoo.stubs.answers('sale.order.search_count', [1, 2]);
  const answers = [];
  for (let call = 0; call < 3; call += 1) answers.push(await odoo.execute('sale.order', 'search_count', [[]]));
  assert.deepEqual(answers, [1, 2, 2]);
});

test('a stub answers with what it is asked', async () => {
  await odoo.stubs.template('sale.order.name_search', [[1, 'Order {{args.name}}'], '{{context.lang}}']);
  const answer = await odoo.execute('sale.order', 'name_search', [], { name: 'S1', context: { lang: 'fr_FR' } });
  assert.deepEqual(answer, [[1, 'Order S1'], 'fr_FR']);
});

test('a stub answers with an error', async () => {
  await odoo.stubs.error('sale.order.action_confirm', 'user_error', { message: 'Nothing to confirm' });
  await assert.rejects(odoo.execute('sale.order', 'action_confirm', [[1]]), {
    message: 'Nothing to confirm',
    odoo: 'odoo.exceptions.UserError',
  });
});

test('a function of the test answers', async () => {
  const seen = [];
  await odoo.stubs.callback('res.partner.create', async (call) => {
    seen.push(call.args.vals_list);
    if (call.context.real) return PASS;
    if (call.context.broken) throw new OdooError('validation_error', 'No such partner');
    if (call.context.buggy) throw new TypeError('a bug');
    return 4711;
  });
  const create = (context) => odoo.execute('res.partner', 'create', [{ name: 'Acme' }], { context });
  assert.equal(await create({}), 4711);
  assert.equal(seen.length, 1);
  const id = await create({ real: true });
  assert.equal((await odoo.execute('res.partner', 'read', [[id], ['name']]))[0].name, 'Acme');
  await assert.rejects(create({ broken: true }), { message: 'No such partner', odoo: 'odoo.exceptions.ValidationError' });
  await assert.rejects(create({ buggy: true }), /TypeError: a bug/);
});

test('stubs that were not used are told', async () => {
  const used = await odoo.stubs.answer('sale.order.read', []);
  const unused = await odoo.stubs.answer('sale.order.write', true, { name: 'never' });
  await odoo.execute('sale.order', 'read', [[1]]);
  assert.deepEqual((await odoo.stubs.unused()).map(({ id }) => id), [unused.id]);
  await assert.rejects(odoo.stubs.assertUsed(), { name: 'AssertionError', message: /"never" sale\.order\.write/ });
  await unused.remove();
  await odoo.stubs.assertUsed();
  assert.deepEqual((await odoo.stubs.list()).map(({ id }) => id), [used.id]);
  await odoo.stubs.clear();
  assert.deepEqual(await odoo.stubs.list(), []);
});

test('mistakes are refused with what to write instead', async () => {
  await assert.rejects(odoo.stubs.add({ match: {} }), /one of answer, answers, template, error and callback/);
  await assert.rejects(odoo.stubs.template('*', '{{vals.name}}'), (error) => error.at === 'template');
  await assert.rejects(odoo.stubs.callback('*', 'ftp://127.0.0.1/'), (error) => error.at === 'callback');
});
