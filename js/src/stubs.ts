import { type Callback, forget, serve } from './callbacks.js';
import { assertionFailed } from './errors.js';
import type { Api } from './http.js';
import { defined, rule, type RuleOptions } from './match.js';
import { Rule, Rules } from './rules.js';
import type { Calls, ErrorKind, RuleMatch, StubRule } from './types.js';

/** A stub in force. */
export type Stub = Rule<StubRule>;

type Target = Calls<RuleMatch>;

/**
 * Answers in the place of the database's own. Each method puts a stub in force for calls such as
 * `'sale.order.action_confirm'`, whose model need not be there, and answers with it.
 */
export class Stubs extends Rules<StubRule> {
  #added = false;
  readonly #callbacks: string[] = [];

  /** @internal */
  constructor(api: Api, db: string | undefined) {
    super(api, 'stubs', db);
  }

  /** @internal Whether there may be any that this object has put in force. */
  get added(): boolean {
    return this.#added;
  }

  override add(stub: StubRule): Promise<Stub> {
    this.#added = true;
    return super.add(stub);
  }

  /** Always this answer. */
  answer(calls: Target, answer: unknown, options: RuleOptions = {}): Promise<Stub> {
    return this.#put(calls, options, { answer: answer ?? null });
  }

  /** One answer after the other; the last one again and again. */
  answers(calls: Target, answers: readonly unknown[], options: RuleOptions = {}): Promise<Stub> {
    return this.#put(calls, options, { answers });
  }

  /** This answer, in which `{{args.vals.name}}` is what the call has there. */
  template(calls: Target, template: unknown, options: RuleOptions = {}): Promise<Stub> {
    return this.#put(calls, options, { template });
  }

  /** An error, as the dialect and the series write it. */
  error(calls: Target, kind: ErrorKind, options: RuleOptions & { message?: string } = {}): Promise<Stub> {
    const { message, ...more } = options;
    return this.#put(calls, more, { error: kind, ...defined({ message }) });
  }

  /**
   * What a function of this process answers. It may be asynchronous, throw an `OdooError`, or answer `PASS` to let the
   * call run. Instead of a function it may be a URL (`http://…`), to which calls are posted.
   */
  async callback(calls: Target, callback: Callback | string | URL, options: RuleOptions = {}): Promise<Stub> {
    if (typeof callback !== 'function') return this.#put(calls, options, { callback: String(callback) });
    const url = await serve(callback);
    this.#callbacks.push(url);
    return this.#put(calls, options, { callback: url });
  }

  /** The stubs that no call has used. */
  async unused(): Promise<Stub[]> {
    return this.listed('/unused');
  }

  /** Fails where a stub was not used. */
  async assertUsed(): Promise<void> {
    const unused = await this.unused();
    if (unused.length === 0) return;
    const message = `these stubs were not used:\n${unused.map((stub) => `  ${described(stub)}`).join('\n')}`;
    throw assertionFailed({ ok: false, count: unused.length, message, entries: [], nearest: [] });
  }

  override async clear(): Promise<void> {
    await super.clear();
    this.release();
  }

  /** @internal Forgets the functions. */
  release(): void {
    this.#callbacks.splice(0).forEach(forget);
  }

  #put(calls: Target, options: RuleOptions, answers: StubRule): Promise<Stub> {
    const { head, rest } = rule(calls, options, this.db);
    return this.add({ ...head, ...answers, ...rest });
  }
}

/** A stub in one line. */
export function described({ id, rule: { name, match = {} } }: Stub): string {
  const { model = '*', method = '*', db: _, ...more } = match;
  const conditions = Object.keys(more).length === 0 ? '' : ` with ${JSON.stringify(more)}`;
  return `#${id} ${name === undefined ? '' : `"${name}" `}${String(model)}.${String(method)}${conditions}`;
}
