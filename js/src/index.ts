/** A test double of Odoo: a server per process, a database per test. `docs/javascript.md` is the manual. */

export { findBinary } from './binary.js';
export { type Callback, PASS } from './callbacks.js';
export { Clock, type Span, type Time } from './clock.js';
export { Database } from './database.js';
export { OdooError, WiredooError } from './errors.js';
export { type ErrorOptions, type Fault, type FaultOptions, Faults } from './faults.js';
export { Loaded } from './fixtures.js';
export { type Expected, Journal } from './journal.js';
export type { RuleOptions } from './match.js';
export { Rule } from './rules.js';
export { connect, type ConnectOptions, type DatabaseOptions, Server, start, type StartOptions } from './server.js';
export { type Stub, Stubs } from './stubs.js';
export type * from './types.js';
