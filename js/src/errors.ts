import { AssertionError } from 'node:assert';

import type { ErrorKind, Verdict } from './types.js';

/** The server refused something, or could not be started or reached. */
export class WiredooError extends Error {
  override name = 'WiredooError';
  /** The HTTP status of the refusal; undefined where there was no answer. */
  readonly status: number | undefined;
  /** Where in what was sent the mistake is: `effect.kind`, `match.where`. */
  readonly at: string | undefined;

  constructor(message: string, details: { status?: number; at?: string | undefined; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = details.status;
    this.at = details.at;
  }
}

/** Thrown by the function of a callback stub, it is what the client gets: an error of Odoo. */
export class OdooError extends Error {
  override name = 'OdooError';
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message = '') {
    super(message);
    this.kind = kind;
  }
}

/** What test runners show as a failed assertion; the verdict is attached. */
export function assertionFailed(verdict: Verdict): Error {
  const error = new AssertionError({ message: verdict.message, operator: 'wiredoo' });
  // With these, runners would show a difference of undefined and undefined.
  delete (error as Partial<AssertionError>).actual;
  delete (error as Partial<AssertionError>).expected;
  return Object.assign(error, { verdict });
}
