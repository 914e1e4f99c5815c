import { describe, expect, inject } from 'vitest';
import { odooTest, test } from 'wiredoo/vitest';

test('a test', async ({ odoo, odooServer }) => {
  expect(odoo.url).toBe(odooServer.url);
  // @ts-expect-error There is no such member.
  odoo.nothing;
});

const other = odooTest({ series: '17.0', fixtures: ['shop.yaml'], unusedStubs: 'fail' });
describe('a group', () => {
  other.scoped({ odooOptions: { fixtures: 'other.yaml' } });
  other('a test', async ({ odoo, expect }) => {
    expect((await odoo.journal.entries()).length).toBe(0);
  });
});

export const urls: string[] = (inject('wiredoo') ?? []).map((server) => server.url);
