import { after, afterEach, before, beforeEach, type TestContext } from 'node:test';

import type { Database } from './database.js';
import { borrow, finish, giveBack, judge, make, split, type TestOptions } from './runner.js';
import type { Server } from './server.js';

export type { OdooOptions, TestOptions } from './runner.js';

/**
 * Gives each test of the file, or of the suite in which it is called, a database of its own: what is returned is always
 * that of the test that runs. For tests that run at the same time there is {@link withOdoo}.
 */
export function useOdoo(options: TestOptions = {}): Database {
  const split_ = split(options);
  const turns: Turn[] = [];
  // Databases of tests that are over: other hooks that run after a test may still look into the last one.
  const over: Database[] = [];
  const dropAll = () => Promise.all(over.splice(0).map((database) => database[Symbol.asyncDispose]()));
  let server: Server | undefined;
  before(async () => {
    server = await borrow(split_.server);
  });
  beforeEach(async (context) => {
    if (turns.length === 0) await dropAll();
    const turn: Turn = { name: fullName(context), database: undefined };
    const outer = turns.at(-1);
    turns.push(turn);
    try {
      turn.database = outer ? shared(outer, turn) : await make(server!, split_.odoo);
    } catch (error) {
      turns.splice(turns.indexOf(turn), 1);
      throw error;
    }
  });
  afterEach(async (context) => {
    const at = turns.map(({ name }) => name).lastIndexOf(fullName(context));
    const [turn] = at < 0 ? [] : turns.splice(at, 1);
    if (!turn?.database || turns.length > 0) return;
    over.push(turn.database);
    await judge(turn.database, split_.odoo, hasFailed(context));
  });
  after(async () => {
    await dropAll();
    await giveBack(split_.server);
  });
  return standIn(() => turns.at(-1)?.database ?? over.at(-1));
}

/** A test that runs. */
interface Turn {
  name: string | undefined;
  database: Database | undefined;
}

/** A part of a test has the test's database. */
function shared(outer: Turn, inner: Turn): Database | undefined {
  if (outer.name === undefined || inner.name?.startsWith(`${outer.name} > `)) return outer.database;
  throw new Error('useOdoo() is for one test at a time; for tests that run together write test(…, withOdoo(async (odoo) => …))');
}

/**
 * A test's function with a database of its own: `test('…', withOdoo(async (odoo) => { … }))`. The server is that of all
 * who ask for the same options, and ends with the process.
 */
export function withOdoo(
  run: (odoo: Database, context: TestContext) => unknown,
  options: TestOptions = {},
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

/** The names of the test of a hook and of those around it; not told by old versions of Node. */
function fullName(context: unknown): string | undefined {
  return (context as { fullName?: string } | undefined)?.fullName;
}

/** Whether the test of a hook has failed; not told by old versions of Node. */
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
