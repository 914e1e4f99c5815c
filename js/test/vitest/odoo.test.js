import { afterAll, beforeEach, describe, expect } from 'vitest';
import { odooTest, test } from 'wiredoo/vitest';

const shop = new URL('../fixtures/shop.yaml', import.meta.url);
const count = (odoo, name) => odoo.execute('res.partner', 'search_count', [[['name', '=', name]]]);
const seen = new Set();

test('a test has a database', async ({ odoo }) => {
  seen.add(odoo.db);
  await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
  expect(await count(odoo, 'Acme')).toBe(1);
});

test('another one has another', async ({ odoo, odooServer }) => {
  expect(seen).not.toContain(odoo.db);
  expect(await count(odoo, 'Acme')).toBe(0);
  const names = (await odooServer.databases()).map(({ name }) => name);
  expect(names).toContain(odoo.db);
  for (const gone of seen) expect(names).not.toContain(gone);
});

describe.concurrent('at the same time', () => {
  test.for([1, 2, 3])('number %i', async (number, { odoo }) => {
    await odoo.execute('res.partner', 'create', [{ name: `number ${number}` }]);
    expect(await odoo.execute('res.partner', 'search_count', [[['name', 'like', 'number']]])).toBe(1);
  });
});

const withShop = odooTest({ fixtures: shop });

withShop('a database has its fixtures', async ({ odoo }) => {
  expect(await count(odoo, 'Acme')).toBe(1);
});

describe('a group', () => {
  test.scoped({ odooOptions: { fixtures: shop, prefix: 'shop_' } });

  beforeEach(async ({ odoo }) => {
    await odoo.execute('res.partner', 'create', [{ name: 'Beta' }]);
  });

  test('has its own options, and hooks see the database', async ({ odoo }) => {
    expect(odoo.db).toMatch(/^shop_/);
    expect(await count(odoo, 'Acme')).toBe(1);
    expect(await count(odoo, 'Beta')).toBe(1);
  });
});

odooTest({ series: '16.0' })('another series has a server of its own', async ({ odooServer, odoo }) => {
  expect(odooServer.series).toBe('16.0');
  await odoo.journal.assertNotCalled('*');
});

afterAll(() => expect(seen.size).toBe(1));
