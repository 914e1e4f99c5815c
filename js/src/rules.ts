import type { Api } from './http.js';
import { matching } from './match.js';
import type { RuleMatch, Standing } from './types.js';

/** A fault or a stub that was put in force. */
export class Rule<R extends { name?: string; match?: RuleMatch }> {
  readonly id: number;
  /** As the server has it. */
  readonly rule: Standing<R>;
  readonly #api: Api;
  readonly #path: string;

  /** @internal */
  constructor(api: Api, kind: string, rule: Standing<R>) {
    this.id = rule.id;
    this.rule = rule;
    this.#api = api;
    this.#path = `/${kind}/${rule.id}`;
  }

  /** How often it was applied so far. */
  async hits(): Promise<number> {
    return (await this.#api.get<Standing<R>>(this.#path)).hits;
  }

  /** Takes it out of force. */
  async remove(): Promise<void> {
    await this.#api.send('DELETE', this.#path);
  }
}

/** The rules of one kind, of one database or of all. */
export abstract class Rules<R extends { name?: string; match?: RuleMatch }> {
  /** @internal */
  protected readonly api: Api;
  /** @internal */
  protected readonly db: string | undefined;
  readonly #kind: string;

  /** @internal */
  constructor(api: Api, kind: string, db: string | undefined) {
    this.api = api;
    this.db = db;
    this.#kind = kind;
  }

  /** Puts a rule in force, written as the HTTP interface has it. It goes before those that are in force already. */
  async add(rule: R): Promise<Rule<R>> {
    const sent = { ...rule, match: matching(rule.match ?? {}, this.db) };
    return new Rule<R>(this.api, this.#kind, await this.api.send('POST', `/${this.#kind}`, sent));
  }

  /** The rules in force, oldest first: those of the database, and those for all databases. */
  async list(): Promise<Rule<R>[]> {
    return this.listed('');
  }

  /** The rule with this id. */
  async get(id: number): Promise<Rule<R>> {
    return new Rule<R>(this.api, this.#kind, await this.api.get(`/${this.#kind}/${id}`));
  }

  /** Takes the rules of the database, or all, out of force. */
  async clear(): Promise<void> {
    await this.api.send('DELETE', `/${this.#kind}`, undefined, { db: this.db });
  }

  /** @internal */
  protected async listed(path: string): Promise<Rule<R>[]> {
    const rules = await this.api.get<Standing<R>[]>(`/${this.#kind}${path}`, { db: this.db });
    return rules.map((rule) => new Rule<R>(this.api, this.#kind, rule));
  }
}
