import { inject, test as base, type TestAPI } from 'vitest';

import type { Database } from './database.js';
import { borrow, finish, make, type OdooOptions, reach, split, type TestOptions } from './runner.js';
import type { Server, StartOptions } from './server.js';
import './vitest-provided.js';

export type { OdooOptions, TestOptions } from './runner.js';

/** What a test of {@link odooTest} gets. */
export interface OdooFixtures {
  /** A database of its own, gone after the test. */
  odoo: Database;
  /** The server, which all tests share. */
  odooServer: Server;
  /** What the database is made of; `test.scoped` changes it for a group of tests. */
  odooOptions: OdooOptions;
}

const reached = new Map<string, Promise<Server>>();

/** The server of the run, which the setup has started; without the setup, or for another series, one of this process. */
function server(options: StartOptions): Promise<Server> {
  const { series, ...special } = options;
  const provided = inject('wiredoo') ?? [];
  const found = Object.keys(special).length > 0 ? undefined : provided.find((known) => series === undefined || known.series === series);
  const key = found?.url ?? JSON.stringify(options);
  let server = reached.get(key);
  if (!server) {
    server = found ? reach(found) : borrow(options);
    reached.set(key, server);
    server.catch(() => reached.delete(key));
  }
  return server;
}

/**
 * vitest's `test`, whose tests get a database of their own as `odoo`. The options are those of the databases
 * (`fixtures`, …) and of the server (`series`, …).
 */
export function odooTest(options: TestOptions = {}): TestAPI<OdooFixtures> {
  const { server: serverOptions, odoo: odooOptions } = split(options);
  return base.extend<OdooFixtures>({
    odooOptions: async ({}, use) => use(odooOptions),
    odooServer: async ({}, use) => use(await server(serverOptions)),
    odoo: async ({ odooServer, odooOptions, task }, use) => {
      const database = await make(odooServer, odooOptions);
      await use(database);
      await finish(database, odooOptions, task.result?.state === 'fail' || (task.result?.errors?.length ?? 0) > 0);
    },
  });
}

/** {@link odooTest} without options. */
export const test: TestAPI<OdooFixtures> = odooTest();
/** The same. */
export const it: TestAPI<OdooFixtures> = test;
