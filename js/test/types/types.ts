// Compiled only: that the types say what can be said, and refuse what cannot.
import { type Database, type Entry, OdooError, PASS, type Series, start } from 'wiredoo';
import { useOdoo, withOdoo } from 'wiredoo/node-test';
import globalSetup, { setup } from 'wiredoo/vitest-setup';

const is = <T>(_: T): void => {};

export async function all(): Promise<void> {
  await using server = await start({
    series: '17.0',
    fixtures: ['shop.yaml', new URL('file:///x')],
    clock: new Date(),
    seed: 1,
    dbAuto: ['test_*'],
    args: ['--db', 'shop'],
    token: 'x',
  });
  is<string>(server.url);
  is<Series>(server.series);
  await using odoo = await server.database({ fixtures: { records: { 'res.partner': [{ id: 'a', name: 'A', child_ids: [{ name: 'B' }] }] } } });
  const loaded = await odoo.load('shop.yaml', { name: 'x.yaml', content: '' });
  is<number>(loaded.id('acme'));
  is<string>(odoo.apiKey);
  const count = await odoo.execute<number>('res.partner', 'search_count', [[]]);
  is<number>(count);

  const [entry] = await odoo.journal.assertCalled('res.partner.create', { exactly: 1 });
  is<Entry | undefined>(entry);
  await odoo.journal.assertCalled({ model: ['res.partner', 'res.users'], where: ['|', ['args.vals.name', '=', 'x'], ['ids', 'in', [1]]] });
  await odoo.journal.waitFor('*', { count: 2, timeoutMs: 10 });

  const fault = await odoo.faults.http('res.partner.create', 429, { retryAfter: 1, times: 2, name: 'limit' });
  is<number>(await fault.hits());
  is<number | undefined>(fault.rule.effect.http);
  await odoo.faults.add({ match: { nth: 1 }, effect: { restart: {}, delay_ms: 1 } });
  await odoo.stubs.callback('*', (call) => (call.model === null ? PASS : call.args['x']));
  await odoo.stubs.callback('*', async () => {
    throw new OdooError('user_error', 'x');
  });
  await odoo.clock.advance({ days: 1 });
  is<Date>(await odoo.clock.now());

  // @ts-expect-error There is no such series.
  await start({ series: '14.0' });
  // @ts-expect-error A proxy does not answer with it.
  await odoo.faults.http('*', 418);
  // @ts-expect-error The name of the option is delayMs.
  await odoo.faults.cutAfter('*', { delay: 1 });
  // @ts-expect-error There is no such operator.
  await odoo.journal.entries({ where: [['args.x', '~', 1]] });
  // @ts-expect-error nth is for rules.
  await odoo.journal.entries({ nth: 1 });
  // @ts-expect-error There is no such error.
  await odoo.stubs.error('*', 'value_error');
}

is<Database>(useOdoo({ series: '19.0', fixtures: { records: { 'res.partner': [{ name: 'Acme' }] } } }));
is<(context: never) => Promise<void>>(withOdoo((odoo) => odoo.reset()));
is<Function>(globalSetup);
is<Function>(setup({ series: ['17.0', '19.0'], token: 'x' }));
