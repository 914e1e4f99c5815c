// What goes over the wire, under the names that it has there.

/** The series of Odoo that a server can be. */
export type Series = '15.0' | '16.0' | '17.0' | '18.0' | '19.0';

/** The protocol by which a call came. */
export type Dialect = 'web' | 'jsonrpc' | 'xmlrpc' | 'json2' | 'rest';

/** The errors that a call can be answered with on demand. */
export type ErrorKind =
  | 'session_expired'
  | 'access_denied'
  | 'access_error'
  | 'user_error'
  | 'validation_error'
  | 'missing_error'
  | 'serialization_failure';

/** The operators of conditions. */
export type Operator =
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | 'not in'
  | 'like'
  | 'ilike'
  | 'contains'
  | 'exists'
  | 'matches';

/** `[path, operator, value]`, or what joins those that follow. A path begins with `ids`, `args` or `context`. */
export type Condition = '&' | '|' | '!' | readonly [path: string, operator: Operator, value: unknown];

/** Which calls are meant; what is said must all hold. In texts, `*` stands for anything and `?` for one character. */
export interface Match {
  db?: string;
  dialect?: Dialect | readonly Dialect[];
  /** Login or id. */
  user?: string | number;
  service?: string | readonly string[];
  model?: string | readonly string[];
  method?: string | readonly string[];
  /** Of the request. */
  path?: string;
  /** A domain on what the call is given: `[['args.vals.name', '=', 'Acme']]`. */
  where?: readonly Condition[];
}

/** To which calls a rule applies. */
export interface RuleMatch extends Match {
  /** Only to the n-th of the calls that are meant otherwise, from 1 on. */
  nth?: number;
  /** Only to so many of them. */
  times?: number;
  /** Only to this part of them, from 0 to 1; chance decides which, under the server's seed. */
  probability?: number;
}

/** A call: `'res.partner.create'` (model and, after the last dot, method; `'*'` is any call), or a {@link Match}. */
export type Calls<M extends Match = Match> = string | M;

/** What came of a call: `cut` is one whose client got no whole answer. */
export type Outcome = 'ok' | 'error' | 'cut';

/** A call, as callbacks of stubs are told it. */
export interface Call {
  db: string | null;
  dialect: Dialect;
  path: string;
  /** `object`, `common`, `db`, `session`; empty where nothing was called. */
  service: string;
  user: { id: number; login: string } | null;
  model: string | null;
  method: string | null;
  /** The records that the method was called on. */
  ids: any[];
  /** The arguments by the names of the parameters, however they came. */
  args: Record<string, any>;
  context: Record<string, any>;
}

/** A call in the journal. */
export interface Entry extends Call {
  id: number;
  /** When it began, by the system's clock. */
  time: string;
  outcome: Outcome;
  error: { name: string; message: string } | null;
  /** The HTTP status of the answer; null where none was sent. */
  status: number | null;
  duration_ms: number;
  /** The id of the fault or stub that answered. */
  rule: number | null;
  /** The bodies, where they are kept. */
  request?: any;
  response?: any;
}

/** Something wanted that a call does not have. */
export interface Difference {
  at: string;
  wanted: any;
  was: any;
}

/** Whether the calls are as expected; if not, why, and which came nearest. */
export interface Verdict {
  ok: boolean;
  count: number;
  message: string;
  entries: Entry[];
  nearest: { entry: Entry; differences: Difference[] }[];
}

/** What goes wrong: a delay, and at most one of `error`, `http`, `connection` and `restart`. */
export interface Effect {
  delay_ms?: number;
  error?: ErrorKind;
  message?: string;
  /** For `serialization_failure`: the server tries again and succeeds, after so many tries in vain (1 to 4). */
  retried?: number;
  http?: 413 | 429 | 500 | 502 | 503 | 504;
  retry_after?: number;
  body?: string;
  connection?: 'cut_before' | 'cut_after' | 'truncated' | 'malformed' | 'slow';
  bytes_per_second?: number;
  restart?: { down_ms?: number };
}

/** A rule by which something goes wrong. */
export interface FaultRule {
  name?: string;
  match?: RuleMatch;
  effect: Effect;
}

/** A rule by which calls are answered without being run. */
export interface StubRule {
  name?: string;
  match?: RuleMatch;
  answer?: unknown;
  answers?: readonly unknown[];
  template?: unknown;
  error?: ErrorKind;
  message?: string;
  callback?: string;
}

/** A rule that is in force. */
export type Standing<R> = R & { id: number; hits: number };

/** A value of a record in a fixture. */
export type FixtureValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly FixtureValue[]
  | { readonly [field: string]: FixtureValue };

/** A field in a fixture: its type, or all that is said of it. */
export type FixtureField = string | ({ type: string } & Record<string, unknown>);

/** A model that a fixture brings along, or more fields of one that is there. */
export interface FixtureModel {
  description?: string;
  fields?: Record<string, FixtureField>;
  /** Instead of `fields`: what `fields_get` answers. */
  fields_get?: Record<string, Record<string, unknown>>;
  [more: string]: unknown;
}

/** What a database contains, as fixture files say it. */
export interface FixtureData {
  parameters?: Record<string, string | number | boolean | null>;
  models?: Record<string, FixtureModel>;
  users?: readonly ({ login?: string; password?: string; groups?: readonly string[]; api_key?: string } & Record<
    string,
    unknown
  >)[];
  records?: Record<string, readonly { readonly [field: string]: FixtureValue }[]>;
}

/** A fixture file, by its name and its text. */
export interface FixtureFile {
  name: string;
  content: string;
}

/** A fixture: the path or `file:` URL of a file or a folder of files, a file's text, or what would be in one. */
export type Fixture = string | URL | FixtureFile | FixtureData;

/** What a clock shows. */
export interface ClockState {
  now: string;
  mode: 'running' | 'fixed' | 'ticking';
}
