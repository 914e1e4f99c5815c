import { writeFile } from 'node:fs/promises';

import { assertionFailed } from './errors.js';
import type { Api } from './http.js';
import { defined, matching } from './match.js';
import type { Calls, Entry, Outcome, Verdict } from './types.js';

/** How many calls are expected; at least one where nothing is said. Only one of these can be. */
export interface Expected {
  exactly?: number;
  atLeast?: number;
  atMost?: number;
  never?: boolean;
  /** Only calls after the entry with this id. */
  since?: number;
}

/** The calls that the server got: those of one database, or all. */
export class Journal {
  readonly #api: Api;
  readonly #db: string | undefined;

  /** @internal */
  constructor(api: Api, db: string | undefined) {
    this.#api = api;
    this.#db = db;
  }

  /** Calls, oldest first. */
  async entries(calls: Calls = '*', options: { outcome?: Outcome; since?: number; limit?: number } = {}): Promise<Entry[]> {
    return this.#api.send('POST', '/journal/search', { match: this.#match(calls), ...options, ...this.#of() });
  }

  /** Whether there were so many calls; if not, the verdict tells what came nearest. */
  async verify(calls: Calls, expected: Expected = {}): Promise<Verdict> {
    return this.#verify({ match: this.#match(calls), ...said(expected) });
  }

  /** Fails unless there were so many calls (at least one where nothing is said); answers with them. */
  async assertCalled(calls: Calls, expected: Expected = {}): Promise<Entry[]> {
    return entriesOf(await this.verify(calls, expected));
  }

  /** Fails where there was such a call. */
  async assertNotCalled(calls: Calls, options: { since?: number } = {}): Promise<void> {
    entriesOf(await this.verify(calls, { ...options, never: true }));
  }

  /** Fails unless there were these calls, each after the one before it; others may be in between. Answers with them. */
  async assertInOrder(sequence: readonly Calls[], options: { since?: number } = {}): Promise<Entry[]> {
    const in_order = sequence.map((calls) => this.#match(calls));
    return entriesOf(await this.#verify({ in_order, ...options }));
  }

  /** Waits until there were so many calls (one where nothing is said); answers with them, and fails after `timeoutMs`. */
  async waitFor(calls: Calls, options: { count?: number; since?: number; timeoutMs?: number } = {}): Promise<Entry[]> {
    const { count = 1, timeoutMs = 1000, ...more } = options;
    const body = { match: this.#match(calls), count, timeout_ms: timeoutMs, ...more, ...this.#of() };
    return entriesOf(await this.#api.send<Verdict>('POST', '/journal/wait', body));
  }

  /** Forgets the calls. */
  async clear(): Promise<void> {
    await this.#api.send('DELETE', '/journal', undefined, { db: this.#db });
  }

  /** Sets, for all databases of the server, whether bodies are kept and how many calls. */
  async settings(settings: { bodies?: boolean; size?: number }): Promise<void> {
    await this.#api.send('PUT', '/journal/settings', settings);
  }

  /** The calls as an HTTP archive, written to `file` where one is named. */
  async exportHar(file?: string | URL): Promise<{ log: { version: string; entries: any[]; [more: string]: any } }> {
    const text = await this.#export('/journal.har', file);
    return JSON.parse(text) as { log: { version: string; entries: any[] } };
  }

  /** The calls as lines of JSON, written to `file` where one is named. */
  async exportJsonLines(file?: string | URL): Promise<string> {
    return this.#export('/journal.jsonl', file);
  }

  #of(): { db?: string } {
    return defined({ db: this.#db });
  }

  #match(calls: Calls) {
    return matching(calls, undefined);
  }

  async #verify(expectation: object): Promise<Verdict> {
    return this.#api.send('POST', '/journal/verify', { ...expectation, ...this.#of() });
  }

  async #export(path: string, file: string | URL | undefined): Promise<string> {
    const text = await this.#api.text('GET', path, { db: this.#db });
    if (file !== undefined) await writeFile(file, text);
    return text;
  }
}

function said({ atLeast, atMost, ...rest }: Expected) {
  return defined({ ...rest, at_least: atLeast, at_most: atMost });
}

function entriesOf(verdict: Verdict): Entry[] {
  if (!verdict.ok) throw assertionFailed(verdict);
  return verdict.entries;
}

/** An entry in one line. */
export function headline({ id, model, method, service, path, user, error, outcome }: Entry): string {
  const what = model && method ? `${model}.${method}` : method ? `${service}.${method}` : path;
  const came = error ? `${error.name} (${error.message.split('\n', 1)[0]})` : outcome === 'cut' ? 'no answer' : outcome;
  return `#${id} ${what}${user ? ` by ${user.login}` : ''}: ${came}`;
}
