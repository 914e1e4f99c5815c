import { Clock } from './clock.js';
import { WiredooError } from './errors.js';
import { Faults } from './faults.js';
import { Loaded, read } from './fixtures.js';
import type { Api } from './http.js';
import { Journal } from './journal.js';
import { Stubs } from './stubs.js';
import type { Fixture } from './types.js';

/** @internal What a database is made of. */
export interface Credentials {
  login: string;
  password: string;
  apiKey: string | undefined;
}

/** A database of a server, and what of the double belongs to it. */
export class Database {
  /** Of the server, without a slash at its end. */
  readonly url: string;
  /** The database's name. */
  readonly db: string;
  /** The administrator's. */
  readonly login: string;
  readonly password: string;
  /** The administrator's; empty where the server was started without. */
  readonly apiKey: string;
  readonly journal: Journal;
  readonly faults: Faults;
  readonly stubs: Stubs;
  readonly clock: Clock;
  readonly #api: Api;
  readonly #path: string;
  #dropped = false;

  /** @internal */
  constructor(api: Api, url: string, db: string, { login, password, apiKey = '' }: Credentials) {
    this.url = url;
    this.db = db;
    this.login = login;
    this.password = password;
    this.apiKey = apiKey;
    this.#api = api;
    this.#path = `/databases/${encodeURIComponent(db)}`;
    this.journal = new Journal(api, db);
    this.faults = new Faults(api, db);
    this.stubs = new Stubs(api, db);
    this.clock = new Clock(api, db);
  }

  /** Loads fixtures: all of them, or where something is wrong nothing. */
  async load(...fixtures: Fixture[]): Promise<Loaded> {
    return new Loaded(await this.#api.send('POST', `${this.#path}/fixtures`, await read(fixtures)));
  }

  /** Puts it back to what it was when it was made, with the fixtures of then. */
  async reset(): Promise<void> {
    await this.#api.send('POST', `${this.#path}/reset`);
  }

  /** Keeps aside what it is now, under a name. */
  async snapshot(name: string): Promise<void> {
    await this.#api.send('POST', `${this.#path}/snapshots`, { name });
  }

  /** Puts it back to a snapshot, which stays. */
  async restore(name: string): Promise<void> {
    await this.#api.send('POST', `${this.#path}/snapshots/${encodeURIComponent(name)}/restore`);
  }

  /** The names of its snapshots. */
  async snapshots(): Promise<string[]> {
    return this.#api.get(`${this.#path}/snapshots`);
  }

  /** Removes a snapshot. */
  async forgetSnapshot(name: string): Promise<void> {
    await this.#api.send('DELETE', `${this.#path}/snapshots/${encodeURIComponent(name)}`);
  }

  /** Removes it with its journal, faults, stubs and clock. */
  async drop(): Promise<void> {
    this.stubs.release();
    await this.#api.send('DELETE', this.#path);
    this.#dropped = true;
  }

  /** Calls a method of a model over `/jsonrpc` as the administrator; the journal has it, and rules apply, as to any call. */
  async execute<T = any>(
    model: string,
    method: string,
    args: readonly unknown[] = [],
    kwargs: Record<string, unknown> = {},
  ): Promise<T> {
    const call = (service: string, method: string, args: unknown[]) =>
      this.#api.post<Reply>('/jsonrpc', { jsonrpc: '2.0', id: 1, method: 'call', params: { service, method, args } });
    this.#uid ??= result<number | false>(await call('common', 'login', [this.db, this.login, this.password])) || undefined;
    if (this.#uid === undefined) throw new WiredooError(`'${this.login}' cannot log in to '${this.db}'`);
    const reply = await call('object', 'execute_kw', [this.db, this.#uid, this.password, model, method, args, kwargs]);
    return result<T>(reply);
  }
  #uid: number | undefined;

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#dropped) await this.drop();
  }
}

interface Reply {
  result?: unknown;
  error?: { message: string; data?: { name?: string; message?: string } };
}

function result<T>({ result, error }: Reply): T {
  if (!error) return result as T;
  const { name, message } = error.data ?? {};
  throw Object.assign(new WiredooError(message ?? error.message), { odoo: name });
}
