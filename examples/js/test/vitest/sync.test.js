import { describe, expect } from 'vitest';
import { odooTest } from 'wiredoo/vitest';

import { LoginRefused, LostAnswer } from '../../src/odoo.js';
import { pull, push } from '../../src/sync.js';
import { all, ANN, BOB, fixtures, partners, shopOf } from '../shop.js';

const test = odooTest({ series: '19.0', fixtures });

describe('customers come to Odoo', () => {
  test('those that are missing are made, those that differ are changed', async ({ odoo }) => {
    const done = await push(shopOf(odoo), [{ ...ANN, name: 'Anne' }, BOB]);
    expect(done).toEqual({ created: 1, updated: 1, unchanged: 0 });
    expect((await partners(odoo)).map(({ name }) => name)).toEqual(['Anne', 'Bob', 'Gone']);
    const [write] = await odoo.journal.assertCalled('res.partner.write', { exactly: 1 });
    expect(write).toMatchObject({ user: { login: 'shop' }, args: { vals: { name: 'Anne' } } });
  });

  test('a lost answer makes no duplicate', async ({ odoo }) => {
    await odoo.faults.cutAfter('res.partner.create', { times: 1 });
    expect(await push(shopOf(odoo), [BOB])).toMatchObject({ created: 1 });
    await odoo.journal.assertCalled('res.partner.create', { exactly: 1 });
    expect((await partners(odoo)).filter(({ ref }) => ref === 'shop-bob')).toHaveLength(1);
  });

  test('answers that never come are an error in the end', async ({ odoo }) => {
    await odoo.faults.cutBefore('res.partner.create');
    await expect(push(shopOf(odoo), [BOB])).rejects.toThrow(LostAnswer);
  });

  test('a session that expires is begun anew', async ({ odoo }) => {
    const shop = shopOf(odoo);
    await push(shop, [ANN]);
    await odoo.clock.advance({ days: 100 });
    await push(shop, [BOB]);
    await odoo.journal.assertCalled({ path: '/web/session/authenticate' }, { exactly: 2 });
  });

  test('a password that is no longer right is told', async ({ odoo }) => {
    const shop = shopOf(odoo);
    await push(shop, [ANN]);
    await odoo.load({ users: [{ login: 'shop', password: 'changed' }] });
    await expect(push(shop, [BOB])).rejects.toThrow(LoginRefused);
  });

  test('limits of a proxy are kept', async ({ odoo }) => {
    const shop = shopOf(odoo);
    await odoo.faults.http('res.partner.create', 429, { retryAfter: 7, times: 2 });
    await push(shop, [BOB]);
    expect(shop.pauses).toEqual([7000, 7000]);
  });
});

test('customers come back page by page', async ({ odoo }) => {
  const records = Array.from({ length: 7 }, (_, number) => ({ ref: `shop-${number}`, name: `Customer ${number}` }));
  await odoo.load({ records: { 'res.partner': records } });
  const customers = await all(pull(shopOf(odoo), { size: 3 }));
  expect(customers.map(({ id }) => id)).toEqual(['ann', '0', '1', '2', '3', '4', '5', '6']);
  await odoo.journal.assertCalled('res.partner.search_read', { exactly: 3 });
});

describe.each(['18.0', '19.0'])('in %s', (series) => {
  odooTest({ series, fixtures })('the mobile phone goes where the series has it', async ({ odoo }) => {
    await push(shopOf(odoo), [{ id: 'eve', name: 'Eve', mobile: '+32 4' }]);
    const field = series === '18.0' ? 'mobile' : 'phone';
    const eve = (await partners(odoo, ['ref', field])).find(({ ref }) => ref === 'shop-eve');
    expect(eve[field]).toBe('+32 4');
  });
});
