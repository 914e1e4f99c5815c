// Run by runner.test.js: what is shown of a test that fails, and of tests that run together.
import { describe, test } from 'node:test';

import { useOdoo } from 'wiredoo/node-test';

const wait = () => new Promise((resolve) => setTimeout(resolve, 200));

describe('one', () => {
  const odoo = useOdoo();

  test('fails', async () => {
    await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
    await odoo.journal.assertCalled('res.partner.write');
  });

  test('warns', async () => {
    await odoo.stubs.answer('sale.order.action_confirm', true);
  });
});

describe('together', { concurrency: 2 }, () => {
  useOdoo();
  test('first', wait);
  test('second', wait);
});
