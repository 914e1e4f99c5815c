// What the shop knows of Odoo's protocol: a session, and what to do when something goes wrong.

/** Odoo has answered with an error. */
export class OdooFault extends Error {
  constructor({ code, message, data = {} }) {
    super(data.message ?? message);
    this.name = data.name ?? 'OdooFault';
    this.code = code;
  }
}

/** No answer came, so nobody knows whether the call has run. */
export class LostAnswer extends Error {
  name = 'LostAnswer';
}

/** A login that Odoo does not accept: there is no use in trying again. */
export class LoginRefused extends Error {
  name = 'LoginRefused';
}

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const SESSION_EXPIRED = 100;

export class Odoo {
  #account;
  #cookie = '';
  #pause;
  #tries;

  /**
   * @param {{ url: string, db: string, login: string, password: string }} account
   * @param {{ pause?: (milliseconds: number) => Promise<void>, tries?: number }} [how] `pause` waits between tries.
   */
  constructor({ url, db, login, password }, { pause = wait, tries = 5 } = {}) {
    this.#account = { url, db, login, password };
    this.#pause = pause;
    this.#tries = tries;
  }

  async login() {
    const { db, login, password } = this.#account;
    try {
      const session = await this.#rpc('/web/session/authenticate', { db, login, password });
      if (!session.uid) throw new LoginRefused(`${login} has no access to ${db}`);
    } catch (error) {
      if (error instanceof OdooFault) throw new LoginRefused(`${login} cannot log in to ${db}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /**
   * Calls a method of a model. What has surely not run is tried again: a session that has expired, or a proxy that
   * lets nobody through. What may have run is tried again only where that does no harm (`repeatable`); else it is a
   * {@link LostAnswer}.
   */
  async call(model, method, args = [], kwargs = {}, { repeatable = false } = {}) {
    for (let tried = 1; ; tried += 1) {
      try {
        if (this.#cookie === '') await this.login();
        return await this.#rpc(`/web/dataset/call_kw/${model}/${method}`, { model, method, args, kwargs });
      } catch (error) {
        if (tried >= this.#tries) throw error;
        if (error instanceof OdooFault && error.code === SESSION_EXPIRED) this.#cookie = '';
        else if (error instanceof TurnedAway) await this.#pause(error.milliseconds ?? 200 * 2 ** tried);
        else if (error instanceof LostAnswer && repeatable) await this.#pause(200 * 2 ** tried);
        else throw error;
      }
    }
  }

  /** Reads, as often as needed. */
  ask(model, method, args, kwargs) {
    return this.call(model, method, args, kwargs, { repeatable: true });
  }

  /**
   * All records of a domain, page by page. The next page begins after the last id and not at a number of records, so
   * nothing is missed or seen twice when records come and go meanwhile.
   */
  async *pages(model, domain, fields, size = 100) {
    for (let last = 0; ; ) {
      const page = await this.ask(model, 'search_read', [[['id', '>', last], ...domain]], { fields, limit: size, order: 'id' });
      if (page.length > 0) yield page;
      if (page.length < size) return;
      last = page.at(-1).id;
    }
  }

  async #rpc(path, params) {
    let response;
    let text;
    try {
      response = await fetch(this.#account.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(this.#cookie && { cookie: this.#cookie }) },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'call', params }),
      });
      text = await response.text();
    } catch (cause) {
      throw new LostAnswer(`no answer to ${path}`, { cause });
    }
    // A proxy that turns a call away; 502 and 504 come from one that has passed it on.
    if (response.status === 429 || response.status === 503) throw new TurnedAway(response);
    const cookie = response.headers.get('set-cookie');
    if (cookie?.startsWith('session_id=')) this.#cookie = cookie.split(';', 1)[0];
    const answer = parsed(text);
    if (!response.ok || !answer) throw new LostAnswer(`no answer to ${path} but status ${response.status}`);
    if (answer.error) throw new OdooFault(answer.error);
    return answer.result;
  }
}

/** A proxy has not let a call through, and may have said how long to wait. */
class TurnedAway extends Error {
  constructor(response) {
    super(`status ${response.status}`);
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    if (Number.isFinite(seconds)) this.milliseconds = seconds * 1000;
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
