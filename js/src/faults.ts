import type { Api } from './http.js';
import { defined, rule, type RuleOptions } from './match.js';
import { Rule, Rules } from './rules.js';
import type { Calls, Effect, ErrorKind, FaultRule, RuleMatch } from './types.js';

/** A fault in force. */
export type Fault = Rule<FaultRule>;

/** Options of all faults. */
export interface FaultOptions extends RuleOptions {
  /** Before anything else the call waits so long. */
  delayMs?: number;
}

/** Options of faults that answer with an error of Odoo. */
export interface ErrorOptions extends FaultOptions {
  /** The error's text; Odoo's usual one where it is not said. */
  message?: string;
}

type Target = Calls<RuleMatch>;

/**
 * What goes wrong on demand. Each method puts a fault in force for calls such as `'res.partner.create'`, and answers
 * with it.
 */
export class Faults extends Rules<FaultRule> {
  /** @internal */
  constructor(api: Api, db: string | undefined) {
    super(api, 'faults', db);
  }

  /** The call is not run; it is answered with an error, as its dialect and the series write it. */
  error(calls: Target, kind: ErrorKind, options: ErrorOptions = {}): Promise<Fault> {
    const { message, ...more } = options;
    return this.#put(calls, more, { error: kind, message });
  }

  /** The session of the call is answered to be no longer there. */
  sessionExpired(calls: Target, options: FaultOptions = {}): Promise<Fault> {
    return this.error(calls, 'session_expired', options);
  }

  accessDenied(calls: Target, options: ErrorOptions = {}): Promise<Fault> {
    return this.error(calls, 'access_denied', options);
  }

  accessError(calls: Target, options: ErrorOptions = {}): Promise<Fault> {
    return this.error(calls, 'access_error', options);
  }

  userError(calls: Target, options: ErrorOptions = {}): Promise<Fault> {
    return this.error(calls, 'user_error', options);
  }

  validationError(calls: Target, options: ErrorOptions = {}): Promise<Fault> {
    return this.error(calls, 'validation_error', options);
  }

  missingError(calls: Target, options: ErrorOptions = {}): Promise<Fault> {
    return this.error(calls, 'missing_error', options);
  }

  /** Two transactions are in each other's way. With `retried` the server succeeds after so many tries in vain (1 to 4). */
  serializationFailure(calls: Target, options: ErrorOptions & { retried?: number } = {}): Promise<Fault> {
    const { message, retried, ...more } = options;
    return this.#put(calls, more, { error: 'serialization_failure', message, retried });
  }

  /** A proxy in front of the server answers; the call is not run. */
  http(
    calls: Target,
    status: NonNullable<Effect['http']>,
    options: FaultOptions & { retryAfter?: number; body?: string } = {},
  ): Promise<Fault> {
    const { retryAfter, body, ...more } = options;
    return this.#put(calls, more, { http: status, retry_after: retryAfter, body });
  }

  /** The connection is closed before the call runs. */
  cutBefore(calls: Target, options: FaultOptions = {}): Promise<Fault> {
    return this.#put(calls, options, { connection: 'cut_before' });
  }

  /** The call runs, and what it wrote is there; then the connection is closed without an answer. */
  cutAfter(calls: Target, options: FaultOptions = {}): Promise<Fault> {
    return this.#put(calls, options, { connection: 'cut_after' });
  }

  /** The call runs; half of the answer is sent, then the connection is closed. */
  truncated(calls: Target, options: FaultOptions = {}): Promise<Fault> {
    return this.#put(calls, options, { connection: 'truncated' });
  }

  /** The call runs; the answer has status 200 and cannot be read. */
  malformed(calls: Target, options: FaultOptions = {}): Promise<Fault> {
    return this.#put(calls, options, { connection: 'malformed' });
  }

  /** The call runs; the answer comes slowly. */
  slow(calls: Target, options: FaultOptions & { bytesPerSecond?: number } = {}): Promise<Fault> {
    const { bytesPerSecond, ...more } = options;
    return this.#put(calls, more, { connection: 'slow', bytes_per_second: bytesPerSecond });
  }

  /** The call waits before it runs. */
  delay(calls: Target, milliseconds: number, options: RuleOptions = {}): Promise<Fault> {
    return this.#put(calls, { ...options, delayMs: milliseconds }, {});
  }

  /** The server goes down before the call runs, forgets what a process remembers, and is unreachable for a while. */
  restart(calls: Target, options: FaultOptions & { downMs?: number } = {}): Promise<Fault> {
    const { downMs = 0, ...more } = options;
    return this.#put(calls, more, { restart: { down_ms: downMs } });
  }

  #put(calls: Target, options: FaultOptions, effect: { [K in keyof Effect]: Effect[K] | undefined }): Promise<Fault> {
    const { head, rest } = rule(calls, options, this.db);
    const { delayMs, ...unknown } = rest;
    // What is misspelled is sent, so that the server refuses it.
    return this.add({ ...head, effect: defined({ delay_ms: delayMs, ...effect, ...unknown }) as Effect });
  }
}
