import type { Api } from './http.js';
import type { ClockState } from './types.js';

/** A time: a Date, milliseconds since 1970, or a text such as `2026-01-31T08:00:00Z` (UTC where no zone is said). */
export type Time = Date | number | string;

/** A span of time: seconds, or its parts. */
export type Span = number | { days?: number; hours?: number; minutes?: number; seconds?: number };

/** The time by which things expire and are dated: of one database, or of all that have no time of their own. */
export class Clock {
  readonly #api: Api;
  readonly #db: string | undefined;

  /** @internal */
  constructor(api: Api, db: string | undefined) {
    this.#api = api;
    this.#db = db;
  }

  /** What it shows. */
  async now(): Promise<Date> {
    return new Date((await this.state()).now);
  }

  /** What it shows, and whether it goes on, stands, or is moved by calls. */
  async state(): Promise<ClockState> {
    return this.#api.get('/clock', { db: this.#db });
  }

  /** It shows this time, and goes on. */
  async set(time: Time): Promise<void> {
    await this.#put({ now: text(time) });
  }

  /** It shows this time, and stands. */
  async fix(time: Time): Promise<void> {
    await this.#put({ fixed: text(time) });
  }

  /** It shows this time, and stands; each call moves it. */
  async tick(time: Time, seconds = 1): Promise<void> {
    await this.#put({ now: text(time), tick_seconds: seconds });
  }

  /** Puts it forward. */
  async advance(span: Span): Promise<void> {
    await this.#api.send('POST', '/clock/advance', { seconds: seconds(span) }, { db: this.#db });
  }

  /** It shows the system's time again. */
  async reset(): Promise<void> {
    await this.#put({});
  }

  async #put(setting: object): Promise<void> {
    await this.#api.send('PUT', '/clock', setting, { db: this.#db });
  }
}

function text(time: Time): string {
  return typeof time === 'string' ? time : new Date(time).toISOString();
}

function seconds(span: Span): number {
  if (typeof span === 'number') return span;
  const { days = 0, hours = 0, minutes = 0, seconds = 0 } = span;
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}
