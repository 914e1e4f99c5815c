// Run by runner.test.js: what is shown of a test that fails, and of a stub that is not used.
import { odooTest } from 'wiredoo/vitest';

odooTest()('fails', async ({ odoo }) => {
  await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
  await odoo.journal.assertCalled('res.partner.write');
});

odooTest()('warns', async ({ odoo }) => {
  await odoo.stubs.answer('sale.order.action_confirm', true);
});

odooTest({ unusedStubs: 'fail' })('fails for a stub', async ({ odoo }) => {
  await odoo.stubs.answer('sale.order.action_cancel', true);
});
