import { after, afterEach, before, beforeEach, type TestContext } from 'node:test';

import type { Database } from './database.js';
import { borrow, finish, giveBack, make, type OdooOptions, split } from './runner.js';
import type { Server, StartOptions } from './server.js';

export type { OdooOptions } from './runner.js';

/**
 * Gives each test of the file, or of the suite in which it is called, a database of its own: what is returned is always
 * that of the test that runs. For tests that run at the same time there is {@link withOdoo}.
 */
export function useOdoo(options: StartOptions & OdooOptions = {}): Database {
  const split_ = split(options);
  const databases: Database[] = [];
  let server: Server | undefined;
  before(async () => {
    server = await borrow(split_.server);
  });
  beforeEach(async () => {
    databases.push(await make(server!, split_.odoo));
  });
  afterEach(async (context) => {
    const database = databases.pop();
    if (database) await finish(database, split_.odoo, hasFailed(context));
  });
  after(() => giveBack(split_.server));
  return standIn(() => databases.at(-1));
}

/**
 * A test's function with a database of its own: `test('…', withOdoo(async (odoo) => { … }))`. The server is that of all
 * who ask for the same options, and ends with the process.
 */
export function withOdoo(
  run: (odoo: Database, context: TestContext) => unknown,
  options: StartOptions & OdooOptions = {},
): (context: TestContext) => Promise<void> {
  const { server, odoo } = split(options);
  return async (context) => {
    const database = await make(await borrow(server), odoo);
    let failed = true;
    try {
      await run(database, context);
      failed = false;
    } finally {
      await finish(database, odoo, failed);
    }
  };
}

/** Whether the test of a hook has failed; not told before Node 20.12 or so. */
function hasFailed(context: unknown): boolean {
  const { error, passed } = (context ?? {}) as { error?: unknown; passed?: boolean };
  return (error !== undefined && error !== null) || passed === false;
}

/** An object that is always the current one. */
function standIn(current: () => Database | undefined): Database {
  const target = () => {
    const database = current();
    if (!database) throw new Error('useOdoo() has a database only while a test runs; use it in tests and in beforeEach');
    return database;
  };
  return new Proxy({} as Database, {
    get(_, name) {
      const database = target();
      const value: unknown = Reflect.get(database, name, database);
      return typeof value === 'function' ? value.bind(database) : value;
    },
    has: (_, name) => Reflect.has(target(), name),
    ownKeys: () => Reflect.ownKeys(target()),
    getOwnPropertyDescriptor: (_, name) => {
      const found = Reflect.getOwnPropertyDescriptor(target(), name);
      return found && { ...found, configurable: true };
    },
  });
}
