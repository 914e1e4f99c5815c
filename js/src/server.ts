import { createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import { findBinary } from './binary.js';
import { Child } from './child.js';
import { Clock } from './clock.js';
import { type Credentials, Database } from './database.js';
import { Faults } from './faults.js';
import { read } from './fixtures.js';
import { Api } from './http.js';
import { Journal } from './journal.js';
import { Stubs } from './stubs.js';
import type { Fixture, Series } from './types.js';

/** How a server is started. */
export interface StartOptions {
  /** The series to be; `WIREDOO_SERIES`, else the newest, where it is not said. */
  series?: Series;
  /** Files or folders with which the databases of the start are filled. */
  fixtures?: string | URL | readonly (string | URL)[];
  /** What the clock shows: a time from which it goes on, `fixed:TIME`, or `tick:TIME`. */
  clock?: Date | string;
  /** Makes session ids, keys and chance repeatable. */
  seed?: number;
  /** Patterns of names of databases that are made when they are first asked for: `test_*`. */
  dbAuto?: string | readonly string[];
  /** More arguments of the command line, such as `['--db', 'shop', '--session-lifetime', '1h']`. */
  args?: readonly string[];
  /** The program; where it is not said, it is looked for. */
  executable?: string;
  /** What the double's own interface wants; needed where the server does not listen on this machine only. */
  token?: string;
  /** The API key of the administrator, 40 hex digits; chance's, or the seed's, where it is not said. */
  apiKey?: string;
  /** Writes the server's log to standard error: `true`, or what is logged, such as `debug`. */
  log?: boolean | string;
  /** How long the start may take; 30 seconds where it is not said. */
  timeoutMs?: number;
}

/** What is known of a server beside its address. */
export interface ConnectOptions {
  /** What was said as `--double-token`. */
  token?: string;
  /** The administrator's, where it is not `admin`. */
  password?: string;
  /** What was said as `--admin-api-key`. */
  apiKey?: string;
}

/** How a database is made. */
export interface DatabaseOptions {
  /** Its name; where it is not said, a new one is made. */
  name?: string;
  /** How a new name begins; `test_` where it is not said. */
  prefix?: string;
  /** The database that is copied; a fresh one is made where it is not said. */
  from?: string | Database;
  /** What it is filled with. A reset leads back to it. */
  fixtures?: Fixture | readonly Fixture[];
}

interface About {
  version: string;
  series: Series;
  default_db: string | null;
  login: string;
}

/** A server. What it has of the double (journal, …) is that of all databases. */
export class Server {
  /** Without a slash at its end. */
  readonly url: string;
  readonly series: Series;
  readonly version: string;
  /** The name of the database that the server was started with. */
  readonly defaultDb: string | undefined;
  readonly token: string | undefined;
  readonly journal: Journal;
  readonly faults: Faults;
  readonly stubs: Stubs;
  readonly clock: Clock;
  /** @internal */
  readonly credentials: Credentials;
  readonly #api: Api;
  readonly #child: Child | undefined;

  private constructor(url: string, about: About, api: Api, options: ConnectOptions, child: Child | undefined) {
    this.url = url;
    this.series = about.series;
    this.version = about.version;
    this.defaultDb = about.default_db ?? undefined;
    this.token = options.token;
    this.credentials = { login: about.login, password: options.password ?? 'admin', apiKey: options.apiKey };
    this.#api = api;
    this.#child = child;
    this.journal = new Journal(api, undefined);
    this.faults = new Faults(api, undefined);
    this.stubs = new Stubs(api, undefined);
    this.clock = new Clock(api, undefined);
  }

  /** @internal */
  static async reach(url: string, options: ConnectOptions, child?: Child): Promise<Server> {
    const base = url.replace(/\/+$/, '');
    const api = new Api(base, options.token);
    return new Server(base, await api.get<About>('/'), api, options, child);
  }

  /** Makes a database. */
  async database(options: DatabaseOptions = {}): Promise<Database> {
    const { from, fixtures, ...names } = options;
    const made = await this.#api.send<{ name: string; login: string; password: string; api_key: string | null }>(
      'POST',
      '/databases',
      {
        ...names,
        ...(from === undefined ? {} : { from: typeof from === 'string' ? from : from.db }),
        ...(fixtures === undefined ? {} : { fixtures: await read(fixtures) }),
      },
    );
    const { login, password, api_key } = made;
    return new Database(this.#api, this.url, made.name, { login, password, apiKey: api_key ?? undefined });
  }

  /** A database that is there, or that is made when it is first asked for; the first one where none is named. */
  use(name: string = this.defaultDb ?? 'odoo'): Database {
    return new Database(this.#api, this.url, name, this.credentials);
  }

  /** The databases with the names of their snapshots. */
  async databases(): Promise<{ name: string; snapshots: string[] }[]> {
    return this.#api.get('/databases');
  }

  /** Ends a server that was started here; of one that was connected to, only the connections end. */
  async stop(): Promise<void> {
    this.stubs.release();
    this.#api.close();
    await this.#child?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Connects to a server that runs already. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Server> {
  return Server.reach(url, options);
}

/** Starts a server with its databases in memory, on a free port. It ends with this process at the latest. */
export async function start(options: StartOptions = {}): Promise<Server> {
  const { token, log = false, timeoutMs = 30_000 } = options;
  const apiKey = options.apiKey ?? newKey(options.seed);
  const program = options.executable ?? findBinary();
  const env = { ...environment(), WIREDOO_ADMIN_API_KEY: apiKey, ...(token === undefined ? {} : { WIREDOO_DOUBLE_TOKEN: token }) };
  const { child, ready } = await Child.start(program, commandLine(options), env, { log: log !== false, timeoutMs });
  const password = argument(options.args ?? [], '--admin-password');
  const known = { apiKey: argument(options.args ?? [], '--admin-api-key') ?? apiKey };
  try {
    return await Server.reach(ready.url, { ...known, ...(token && { token }), ...(password && { password }) }, child);
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** The arguments of the command line for these options. */
export function commandLine(options: StartOptions): string[] {
  const { series = process.env['WIREDOO_SERIES'], fixtures, clock, seed, dbAuto, args = [], log } = options;
  const keeps = ['--data-dir', '--database-url'].some((name) => argument(args, name) !== undefined);
  const line = [keeps ? '--double' : '--ephemeral'];
  if (argument(args, '--port') === undefined) line.push('--port', '0');
  if (series) line.push('--series', series);
  for (const fixture of list(fixtures)) line.push('--fixture', path(fixture));
  if (clock !== undefined) line.push('--clock', typeof clock === 'string' ? clock : clock.toISOString());
  if (seed !== undefined) line.push('--seed', String(seed));
  for (const pattern of list(dbAuto)) line.push('--db-auto', pattern);
  if (typeof log === 'string') line.push('--log', log);
  else if (log !== true && !process.env['WIREDOO_LOG'] && argument(args, '--log') === undefined) line.push('--log', 'warn');
  return [...line, ...args];
}

/** This process's environment without the settings of other servers. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('WIREDOO_') || name.startsWith('WIREDOO_LOG'));
  return Object.fromEntries(kept);
}

/** The value of an argument, written `--name value` or `--name=value`. */
function argument(args: readonly string[], name: string): string | undefined {
  const at = args.indexOf(name);
  if (at >= 0) return args[at + 1] ?? '';
  return args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
}

function list<T extends string | URL>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function path(file: string | URL): string {
  return typeof file === 'string' && !file.startsWith('file:') ? file : fileURLToPath(file);
}

function newKey(seed: number | undefined): string {
  if (seed === undefined) return randomBytes(20).toString('hex');
  return createHash('sha256').update(`wiredoo ${seed}`).digest('hex').slice(0, 40);
}
