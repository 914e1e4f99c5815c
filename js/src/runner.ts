// What the helpers for test runners share.

import type { Database } from './database.js';
import { headline } from './journal.js';
import { connect, type DatabaseOptions, type Server, start, type StartOptions } from './server.js';
import { described } from './stubs.js';

/** What each test's database is made of, and how it ends. */
export interface OdooOptions extends Omit<DatabaseOptions, 'name'> {
  /** What a stub that a test did not use comes to; a warning where it is not said. */
  unusedStubs?: 'warn' | 'fail' | 'ignore';
  /** Whether the calls of a test that failed are written to standard error; true where it is not said. */
  showJournal?: boolean;
}

/** The options of the helpers: those of each test's database, and those of the server that tests with the same ones share. */
export interface TestOptions extends Omit<StartOptions, 'fixtures'>, OdooOptions {}

/** What a process can be told of a server that another one has started. */
export interface Known {
  url: string;
  series: string;
  token: string | undefined;
  password: string;
  apiKey: string | undefined;
}

export function known({ url, series, token, credentials }: Server): Known {
  return { url, series, token, password: credentials.password, apiKey: credentials.apiKey };
}

export function reach({ url, token, password, apiKey }: Known): Promise<Server> {
  return connect(url, { password, ...(token ? { token } : {}), ...(apiKey ? { apiKey } : {}) });
}

/** The variables by which `wiredoo-run` tells the command that it runs of its server. */
export function announced(server: Server): Record<string, string> {
  const { url, token, password, apiKey } = known(server);
  return {
    WIREDOO_SERVER: url,
    WIREDOO_ADMIN_PASSWORD: password,
    ...(token ? { WIREDOO_DOUBLE_TOKEN: token } : {}),
    ...(apiKey ? { WIREDOO_ADMIN_API_KEY: apiKey } : {}),
  };
}

const shared = new Map<string, { server: Promise<Server>; users: number }>();

/** The server of this process with these options: that of `WIREDOO_SERVER`, or one that is started for all who ask alike. */
export async function borrow(options: StartOptions): Promise<Server> {
  const key = JSON.stringify(options);
  let found = shared.get(key);
  if (!found) {
    found = { server: obtain(options), users: 0 };
    shared.set(key, found);
    found.server.catch(() => shared.delete(key));
  }
  found.users += 1;
  return found.server;
}

/** Gives a borrowed server back; the last one stops it. */
export async function giveBack(options: StartOptions): Promise<void> {
  const key = JSON.stringify(options);
  const found = shared.get(key);
  if (!found || --found.users > 0) return;
  shared.delete(key);
  await (await found.server).stop();
}

async function obtain(options: StartOptions): Promise<Server> {
  const { WIREDOO_SERVER: url, WIREDOO_DOUBLE_TOKEN: token, WIREDOO_ADMIN_PASSWORD, WIREDOO_ADMIN_API_KEY: apiKey } = process.env;
  const { series, ...special } = options;
  if (url && Object.keys(special).length === 0) {
    const server = await reach({ url, series: '', token, password: WIREDOO_ADMIN_PASSWORD ?? 'admin', apiKey });
    if (series === undefined || server.series === series) return server;
    await server.stop();
  }
  return start(options);
}

/** Splits the options of a helper into those of the server and those of its databases. */
export function split(options: TestOptions): { server: StartOptions; odoo: OdooOptions } {
  const { prefix, from, fixtures, unusedStubs, showJournal, ...server } = options;
  const odoo = { prefix, from, fixtures, unusedStubs, showJournal };
  return { server, odoo: Object.fromEntries(Object.entries(odoo).filter(([, value]) => value !== undefined)) };
}

export async function make(server: Server, options: OdooOptions): Promise<Database> {
  const { unusedStubs: _, showJournal: __, ...database } = options;
  return server.database(database);
}

/** Tells what became of a test. Fails where a stub was not used and that is to fail. */
export async function judge(database: Database, options: OdooOptions, failed: boolean): Promise<void> {
  const { unusedStubs = 'warn', showJournal = true } = options;
  if (failed && showJournal) {
    const lines = (await database.journal.entries()).map((entry) => `  ${headline(entry)}`);
    if (lines.length > 0) process.stderr.write(`calls in ${database.db}:\n${lines.join('\n')}\n`);
  }
  if (failed || unusedStubs === 'ignore' || !database.stubs.added) return;
  if (unusedStubs === 'fail') return database.stubs.assertUsed();
  const unused = await database.stubs.unused();
  for (const stub of unused) process.stderr.write(`warning: this stub was not used: ${described(stub)}\n`);
}

/** As {@link judge}; then the database ends. */
export async function finish(database: Database, options: OdooOptions, failed: boolean): Promise<void> {
  try {
    await judge(database, options, failed);
  } finally {
    await database[Symbol.asyncDispose]();
  }
}
