import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { useOdoo, withOdoo } from 'wiredoo/node-test';

const fixture = (name) => new URL(`fixtures/${name}`, import.meta.url);

describe('a database', () => {
  const odoo = useOdoo();
  const partners = (name) => odoo.execute('res.partner', 'search', [[['name', '=', name]]]);

  test('has an address and an administrator', async () => {
    assert.match(odoo.db, /^test_/);
    assert.equal(odoo.login, 'admin');
    assert.equal(odoo.password, 'admin');
    assert.match(odoo.apiKey, /^[0-9a-f]{40}$/);
    assert.deepEqual(await partners('Acme'), []);
    await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
  });

  test('is another one for each test', async () => {
    assert.deepEqual(await partners('Acme'), []);
  });

  test('goes back to what it was', async () => {
    await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
    await odoo.reset();
    assert.deepEqual(await partners('Acme'), []);
  });

  test('goes back to snapshots', async () => {
    await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
    await odoo.snapshot('with Acme');
    await odoo.execute('res.partner', 'create', [{ name: 'Beta' }]);
    assert.deepEqual(await odoo.snapshots(), ['with Acme']);
    await odoo.restore('with Acme');
    assert.equal((await partners('Acme')).length, 1);
    assert.deepEqual(await partners('Beta'), []);
    await odoo.forgetSnapshot('with Acme');
    assert.deepEqual(await odoo.snapshots(), []);
    await assert.rejects(odoo.restore('with Acme'), { status: 404 });
    await odoo.snapshot('again');
    await assert.rejects(odoo.snapshot('again'), { status: 409 });
  });

  test('loads files, folders and structures', async () => {
    const loaded = await odoo.load(fixture('shop.yaml'), { records: { 'res.partner': [{ id: 'gamma', name: 'Gamma', parent_id: 'acme' }] } });
    assert.ok(loaded.records >= 2);
    assert.equal(loaded.users, 1);
    assert.deepEqual(await partners('Acme'), [loaded.id('acme')]);
    const [gamma] = await odoo.execute('res.partner', 'read', [[loaded.id('gamma')], ['parent_id']]);
    assert.equal(gamma.parent_id[0], loaded.id('acme'));
    assert.throws(() => loaded.id('nobody'), /no record 'nobody'/);

    await odoo.load(fileURLToPath(fixture('res.partner.csv')));
    assert.equal((await partners('Beta')).length, 1);
    await odoo.load({ name: 'delta.yaml', content: 'records: {res.partner: [{name: Delta}]}' });
    assert.equal((await partners('Delta')).length, 1);
    await odoo.load(fixture('.'));
    assert.equal((await partners('Acme')).length, 1);
  });

  test('loads nothing of what is wrong, and tells where it is', async () => {
    const wrong = { name: 'wrong.yaml', content: 'records:\n  res.partner:\n    - {name: Good}\n    - {id: bad, nme: Bad}\n' };
    await assert.rejects(odoo.load(wrong), (error) => error.status === 422 && /wrong\.yaml:4/.test(error.message));
    assert.deepEqual(await partners('Good'), []);
    await assert.rejects(odoo.load('/nowhere/x.yaml'), /\/nowhere\/x\.yaml/);
  });

  test('is dropped once', async () => {
    await odoo.drop();
    await assert.rejects(odoo.reset(), { status: 404 });
  });
});

describe('a database with fixtures', () => {
  const odoo = useOdoo({ fixtures: [fixture('shop.yaml'), fixture('res.partner.csv')], prefix: 'shop_' });

  test('has them, also after a reset', async () => {
    assert.match(odoo.db, /^shop_/);
    const domain = [['name', 'in', ['Acme', 'Beta']]];
    const acme = await odoo.execute('res.partner', 'search', [domain]);
    assert.equal(acme.length, 2);
    await odoo.execute('res.partner', 'unlink', [acme]);
    await odoo.reset();
    assert.equal(await odoo.execute('res.partner', 'search_count', [domain]), 2);
  });
});

describe('databases at the same time', { concurrency: true }, () => {
  for (let number = 0; number < 5; number += 1) {
    test(`number ${number}`, withOdoo(async (odoo) => {
      const domain = [['ref', 'like', 'number']];
      await odoo.execute('res.partner', 'create', [{ name: 'Acme', ref: `number ${number}` }]);
      const found = await odoo.execute('res.partner', 'search_read', [domain, ['ref']]);
      assert.deepEqual(found.map(({ ref }) => ref), [`number ${number}`]);
    }));
  }
});

test('a test that failed still ends its database', async () => {
  let failed;
  const run = withOdoo(
    async (odoo) => {
      failed = odoo;
      throw new Error('as it should');
    },
    { showJournal: false },
  );
  await assert.rejects(run(), /as it should/);
  await assert.rejects(failed.reset(), { status: 404 });
});
