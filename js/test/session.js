/** A session as a browser has one: a cookie, and calls by `fetch`. */
export class Session {
  constructor({ url, db }) {
    this.url = url;
    this.db = db;
    this.cookie = '';
  }

  async post(path, params) {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: this.cookie },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'call', params }),
    });
    const cookie = response.headers.get('set-cookie');
    if (cookie) this.cookie = cookie.split(';', 1)[0];
    return response;
  }

  async rpc(path, params) {
    const response = await this.post(path, params);
    const { result, error } = await response.json();
    if (error) throw Object.assign(new Error(error.data.message), { name: error.data.name, code: error.code });
    return result;
  }

  login(login = 'admin', password = 'admin') {
    return this.rpc('/web/session/authenticate', { db: this.db, login, password });
  }

  call(model, method, args = [], kwargs = {}) {
    return this.rpc('/web/dataset/call_kw', { model, method, args, kwargs });
  }
}

/** A session of the administrator of a database. */
export async function session(odoo) {
  const session = new Session(odoo);
  await session.login();
  return session;
}
