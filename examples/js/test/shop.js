// What the tests of both runners share.
import { Odoo } from '../src/odoo.js';

/** What each test's database is filled with. */
export const fixtures = new URL('fixtures/shop.yaml', import.meta.url);

export const ANN = { id: 'ann', name: 'Ann', email: 'ann@example.com', country: 'BE' };
export const BOB = { id: 'bob', name: 'Bob', email: 'bob@example.com', phone: '+32 1', country: 'FR' };

/** The shop's access to a test's database. It notes how long it would have waited, and does not wait. */
export function shopOf(odoo) {
  const pauses = [];
  const account = { url: odoo.url, db: odoo.db, login: 'shop', password: 'secret' };
  const shop = new Odoo(account, { pause: async (milliseconds) => void pauses.push(milliseconds) });
  return Object.assign(shop, { pauses });
}

/** The partners of the shop, as they are in the database. */
export function partners(odoo, fields = ['ref', 'name']) {
  const domain = [['ref', '=like', 'shop-%']];
  return odoo.execute('res.partner', 'search_read', [domain, fields], { order: 'ref', context: { active_test: false } });
}

export async function all(pages) {
  const found = [];
  for await (const page of pages) found.push(...page);
  return found;
}
