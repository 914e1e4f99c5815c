import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { WiredooError } from 'wiredoo';
import { useOdoo } from 'wiredoo/node-test';

describe('hooks of a suite', () => {
  const odoo = useOdoo();
  let acme;

  beforeEach(async () => {
    acme = await odoo.execute('res.partner', 'create', [{ name: 'Acme' }]);
  });

  afterEach(async () => {
    assert.equal((await odoo.execute('res.partner', 'read', [[acme], ['name']])).length, 1);
  });

  test('see the database of the test', async () => {
    assert.equal((await odoo.execute('res.partner', 'read', [[acme], ['name']]))[0].name, 'Acme');
  });

  test('a part of a test has the database of the test', async (t) => {
    const { db } = odoo;
    await t.test('inner', async () => {
      assert.equal(odoo.db, db);
    });
    assert.equal(odoo.db, db);
  });
});

describe('series', () => {
  for (const series of ['15.0', '19.0']) {
    describe(series, () => {
      const odoo = useOdoo({ series });

      test('has its own names', async () => {
        const fields = await odoo.execute('res.users', 'fields_get', [['groups_id', 'group_ids']]);
        assert.deepEqual(Object.keys(fields), [series === '15.0' ? 'groups_id' : 'group_ids']);
      });
    });
  }
});

test('what cannot be called is told', async () => {
  const error = new WiredooError('x', { status: 404, at: 'name' });
  assert.equal(error.name, 'WiredooError');
  assert.equal(error.at, 'name');
});
