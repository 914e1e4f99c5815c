import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PASS } from 'wiredoo';
import { useOdoo } from 'wiredoo/node-test';

import { LoginRefused, LostAnswer } from '../../src/odoo.js';
import { pull, push } from '../../src/sync.js';
import { all, ANN, BOB, fixtures, partners, shopOf } from '../shop.js';

describe('customers come to Odoo', () => {
  const odoo = useOdoo({ fixtures });

  test('those that are missing are made, those that differ are changed', async () => {
    const done = await push(shopOf(odoo), [{ ...ANN, name: 'Anne' }, BOB, { id: 'gone', name: 'Gone' }]);
    assert.deepEqual(done, { created: 1, updated: 1, unchanged: 1 });
    assert.deepEqual((await partners(odoo)).map(({ name }) => name), ['Anne', 'Bob', 'Gone']);
    const [write] = await odoo.journal.assertCalled('res.partner.write', { exactly: 1 });
    assert.deepEqual(write.args.vals, { name: 'Anne' });
    assert.equal(write.user.login, 'shop');
  });

  test('a second time nothing is written', async () => {
    await push(shopOf(odoo), [ANN, BOB]);
    await odoo.journal.clear();
    assert.deepEqual(await push(shopOf(odoo), [ANN, BOB]), { created: 0, updated: 0, unchanged: 2 });
    await odoo.journal.assertNotCalled({ model: 'res.partner', method: ['create', 'write', 'unlink'] });
  });

  test('a lost answer makes no duplicate', async () => {
    const lost = await odoo.faults.cutAfter('res.partner.create', { times: 1 });
    assert.deepEqual(await push(shopOf(odoo), [BOB]), { created: 1, updated: 0, unchanged: 0 });
    assert.equal(await lost.hits(), 1);
    await odoo.journal.assertCalled('res.partner.create', { exactly: 1 });
    assert.equal((await partners(odoo)).filter(({ ref }) => ref === 'shop-bob').length, 1);
  });

  test('a call that was cut before it ran is made again', async () => {
    await odoo.faults.cutBefore('res.partner.create', { times: 1 });
    await push(shopOf(odoo), [BOB]);
    await odoo.journal.assertInOrder(['res.partner.create', 'res.partner.search_read', 'res.partner.create']);
    assert.equal((await partners(odoo)).filter(({ ref }) => ref === 'shop-bob').length, 1);
  });

  test('answers that never come are an error in the end', async () => {
    await odoo.faults.cutBefore('res.partner.create');
    await assert.rejects(push(shopOf(odoo), [BOB]), LostAnswer);
    await odoo.journal.assertCalled('res.partner.create', { exactly: 3 });
  });

  test('a session that expires is begun anew', async () => {
    const shop = shopOf(odoo);
    await push(shop, [ANN]);
    await odoo.clock.advance({ days: 100 });
    await push(shop, [BOB]);
    await odoo.journal.assertCalled({ path: '/web/session/authenticate' }, { exactly: 2 });
    assert.equal((await partners(odoo)).length, 3);
  });

  test('it expires between two calls just as well', async () => {
    await odoo.faults.sessionExpired('res.partner.create', { times: 1 });
    await push(shopOf(odoo), [BOB]);
    assert.equal((await partners(odoo)).length, 3);
  });

  test('a password that is no longer right is told, and not tried again', async () => {
    const shop = shopOf(odoo);
    await push(shop, [ANN]);
    await odoo.load({ users: [{ login: 'shop', password: 'changed' }] });
    await assert.rejects(push(shop, [BOB]), LoginRefused);
    assert.deepEqual(shop.pauses, []);
  });

  test('limits of a proxy are kept', async () => {
    const shop = shopOf(odoo);
    await odoo.faults.http('res.partner.create', 429, { retryAfter: 7, times: 2 });
    await push(shop, [BOB]);
    assert.deepEqual(shop.pauses, [7000, 7000]);
    assert.equal((await partners(odoo)).length, 3);
  });

  test('what Odoo refuses is not tried again', async () => {
    await odoo.faults.validationError('res.partner.create', { message: 'No such country' });
    await assert.rejects(push(shopOf(odoo), [BOB]), /No such country/);
    await odoo.journal.assertCalled('res.partner.create', { exactly: 1 });
  });
});

describe('customers come back', () => {
  const odoo = useOdoo({ fixtures });

  test('page by page, though somebody changes what is there', async () => {
    const names = Array.from({ length: 7 }, (_, number) => ({ ref: `shop-${number}`, name: `Customer ${number}` }));
    await odoo.load({ records: { 'res.partner': names } });
    // While the second page is read, a customer of the first is removed, and one is added.
    await odoo.stubs.callback('res.partner.search_read', async ({ args }) => {
      const [, , last] = args.domain[0];
      if (last > 0 && (await odoo.journal.verify('res.partner.unlink')).count === 0) {
        const [first] = await odoo.execute('res.partner', 'search', [[['ref', '=', 'shop-0']]]);
        await odoo.execute('res.partner', 'unlink', [[first]]);
        await odoo.execute('res.partner', 'create', [{ ref: 'shop-new', name: 'New' }]);
      }
      return PASS;
    });
    const customers = await all(pull(shopOf(odoo), { size: 3 }));
    const ids = customers.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, `twice: ${ids}`);
    for (const id of ['ann', '1', '2', '3', '4', '5', '6', 'new']) assert.ok(ids.includes(id), `${id} is missing of ${ids}`);
  });
});

describe('series', () => {
  for (const series of ['18.0', '19.0']) {
    describe(series, () => {
      const odoo = useOdoo({ series, fixtures });

      test('the mobile phone goes where the series has it', async () => {
        await push(shopOf(odoo), [{ id: 'eve', name: 'Eve', mobile: '+32 4' }]);
        const field = series === '18.0' ? 'mobile' : 'phone';
        const eve = (await partners(odoo, ['ref', field])).find(({ ref }) => ref === 'shop-eve');
        assert.equal(eve[field], '+32 4');
      });
    });
  }
});
