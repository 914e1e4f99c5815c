import type { Calls, Match, RuleMatch } from './types.js';

/** What of a rule's match can be said beside the calls that it is for. */
export interface RuleOptions extends Omit<RuleMatch, 'model' | 'method'> {
  /** For whom it may concern: lists and messages show it. */
  name?: string;
}

/** `'res.partner.create'` as a match; only in the database `db`, where there is one. */
export function matching<M extends Match>(calls: Calls<M>, db: string | undefined): M {
  const match = typeof calls === 'string' ? (named(calls) as M) : { ...calls };
  return db === undefined ? match : { ...match, db: match.db ?? db };
}

function named(call: string): Match {
  if (call === '*') return {};
  const dot = call.lastIndexOf('.');
  const [model, method] = dot < 0 ? ['*', call] : [call.slice(0, dot), call.slice(dot + 1)];
  return { ...(model === '*' ? {} : { model }), ...(method === '*' ? {} : { method }) };
}

/** The name and the match of a rule, from calls and options; what is left of the options is returned as well. */
export function rule<O extends RuleOptions>(calls: Calls<RuleMatch>, options: O, db: string | undefined) {
  const { name, nth, times, probability, where, dialect, user, service, path, db: of, ...rest } = options;
  const said = { nth, times, probability, where, dialect, user, service, path, db: of };
  const match: RuleMatch = { ...matching(calls, undefined), ...defined(said) };
  return { head: { ...(name === undefined ? {} : { name }), match: matching(match, db) }, rest };
}

/** An object without what is undefined. */
export function defined<T extends object>(object: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
