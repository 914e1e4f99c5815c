// The platform's fetch with a cookie jar: what a browser with the web client, or a scraper of it, sends.

import { holds, rejection, same, step, target } from './steps.mjs';

class RpcError extends Error {
  constructor(error) {
    super(error.data.message);
    this.code = error.code;
    this.data = error.data;
  }
}

class Browser {
  cookies = new Map();
  received = [];

  async fetch(path, options = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...options.headers, ...(cookie && { Cookie: cookie }) };
    const response = await fetch(new URL(path, target.url), { redirect: 'manual', ...options, headers });
    this.received = response.headers.getSetCookie?.() ?? (response.headers.get('set-cookie') ?? '').split(/, (?=\w+=)/).filter(Boolean);
    for (const line of this.received) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookies.set(name, value);
    }
    return response;
  }

  async json(path, params = {}, id = 1) {
    const body = JSON.stringify({ jsonrpc: '2.0', method: 'call', params, id });
    const response = await this.fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    const answer = await response.json();
    same([response.status, answer.jsonrpc], [200, '2.0']);
    if (answer.error) throw new RpcError(answer.error);
    same(answer.id, id);
    return answer.result;
  }

  /** Follows redirections to a page. */
  async page(path) {
    for (let hops = 0; hops < 5; hops += 1) {
      const response = await this.fetch(path);
      if (response.status < 300 || response.status >= 400) return response.text();
      path = response.headers.get('location');
    }
    throw new Error(`too many redirections, last to ${path}`);
  }

  login(password = target.password) {
    return this.json('/web/session/authenticate', { db: target.db, login: target.login, password });
  }

  call(model, method, args = [], kwargs = {}) {
    return this.json(`/web/dataset/call_kw/${model}/${method}`, { model, method, args, kwargs });
  }
}

const browser = new Browser();
let session, ann, bob, cid, mine;

await step('version', async () => {
  const version = await browser.json('/web/webclient/version_info');
  same([version.server_serie, version.server_version_info.slice(0, 2)], [target.series, [target.major, 0]]);
});

await step('databases', async () => holds((await browser.json('/web/database/list')).includes(target.db)));

await step('nobody is logged in', async () => {
  const error = await rejection(browser.call('res.partner', 'search', [[]]), 'Session expired');
  same([error.code, error.data.name], [100, 'odoo.http.SessionExpiredException']);
});

await step('wrong password', async () => {
  const error = await rejection(browser.login('wrong'), 'Access Denied');
  same([error.code, error.data.name], [target.major < 19 ? 200 : 0, 'odoo.exceptions.AccessDenied']);
});

await step('login and its cookie', async () => {
  session = await browser.login();
  same([session.db, session.username, session.user_context.uid], [target.db, target.login, session.uid]);
  const cookie = browser.received.find((line) => line.startsWith('session_id='));
  holds(/HttpOnly/i.test(cookie) && /Path=\//i.test(cookie), cookie);
});

await step('session info', async () => {
  const info = await browser.json('/web/session/get_session_info');
  same([info.uid, info.username, info.server_version_info[0]], [session.uid, target.login, target.major]);
  same(await browser.json('/web/session/check'), undefined);
});

await step('a login makes a new session', async () => {
  const other = new Browser();
  await other.login();
  const before = other.cookies.get('session_id');
  await other.login();
  holds(before !== other.cookies.get('session_id'), before);
  await other.json('/web/session/destroy');
});

await step('create', async () => {
  [ann, bob, cid] = await browser.call('res.partner', 'create', [target.people()]);
  mine = [['id', 'in', [ann, bob, cid]]];
  holds(ann < bob && bob < cid, [ann, bob, cid]);
});

await step('search with operators, order, limit and offset', async () => {
  same(await browser.call('res.partner', 'search', [mine], { order: 'name desc' }), [cid, bob, ann]);
  same(await browser.call('res.partner', 'search', [mine], { order: 'name', limit: 1, offset: 1 }), [bob]);
  same(await browser.call('res.partner', 'search_count', [['|', ['id', '=', cid], ['name', '=', `${target.unique} Ann`]]]), 2);
});

await step('read and search_read', async () => {
  same(await browser.call('res.partner', 'read', [[bob], ['city', 'email']]), [{ id: bob, city: 'Ath', email: false }]);
  const found = await browser.call('res.partner', 'search_read', [], { domain: mine, fields: ['color'], order: 'color desc', limit: 1 });
  same(found, [{ id: cid, color: 7 }]);
});

await step('the path without a model', async () => {
  const params = { model: 'res.partner', method: 'search_count', args: [mine], kwargs: {} };
  same(await browser.json('/web/dataset/call_kw', params, 'any id'), 3);
});

await step('write', async () => {
  same(await browser.call('res.partner', 'write', [[ann, bob], { city: 'Mons é' }]), true);
  same((await browser.call('res.partner', 'read', [[bob], ['city']]))[0].city, 'Mons é');
});

await step('many2one and x2many commands', async () => {
  const [belgium] = await browser.call('res.country', 'search', [[['code', '=', 'BE']]]);
  const tag = [0, 0, { name: `${target.unique} tag` }];
  await browser.call('res.partner', 'write', [[ann], { country_id: belgium, category_id: [tag], child_ids: [[4, bob]] }]);
  const [row] = await browser.call('res.partner', 'read', [[ann], ['country_id', 'category_id', 'child_ids']]);
  same([row.country_id, row.category_id.length, row.child_ids], [[belgium, 'Belgium'], 1, [bob]]);
  await browser.call('res.partner', 'write', [[ann], { category_id: [[5]], child_ids: [[3, bob]] }]);
});

await step('name_search and fields_get', async () => {
  same(await browser.call('res.partner', 'name_search', [], { name: `${target.unique} Cid` }), [[cid, `${target.unique} Cid`]]);
  same(await browser.call('res.partner', 'fields_get', [['name']], { attributes: ['type'] }), { name: { type: 'char' } });
});

await step('grouping', async () => {
  const groups = await browser.call('res.partner', 'read_group', [mine, ['color:sum'], ['city']]);
  same(groups.map((group) => [group.city, group.city_count, group.color]), [['Gent', 1, 7], ['Mons é', 2, 3]]);
});

await step('contexts', async () => {
  await browser.call('res.partner', 'write', [[cid], { active: false }]);
  same(await browser.call('res.partner', 'search', [[['id', '=', cid]]]), []);
  same(await browser.call('res.partner', 'search', [[['id', '=', cid]]], { context: { active_test: false } }), [cid]);
  const tag = await browser.call('res.partner.category', 'create', [{ name: `${target.unique} gold` }]);
  await browser.call('res.partner.category', 'write', [[tag], { name: `${target.unique} or` }], { context: { lang: target.language } });
  const name = async (lang) => (await browser.call('res.partner.category', 'read', [[tag], ['name']], { context: { lang } }))[0].name;
  same([await name(target.language), await name('en_US')], [`${target.unique} or`, `${target.unique} gold`]);
});

if (target.major >= 17) {
  await step('reading and saving as a view does', async () => {
    const specification = { name: {}, country_id: { fields: { display_name: {}, code: {} } } };
    const found = await browser.call('res.partner', 'web_search_read', [], { domain: [['id', '=', ann]], specification, limit: 80 });
    same([found.length, found.records[0].country_id.code], [1, 'BE']);
    const [saved] = await browser.call('res.partner', 'web_save', [[], { name: `${target.unique} Dan` }], { specification });
    same([saved.name, saved.country_id], [`${target.unique} Dan`, false]);
    await browser.call('res.partner', 'unlink', [[saved.id]]);
  });
}

await step('a button', async () => {
  const params = { model: 'res.partner', method: 'action_archive', args: [[bob]], kwargs: {} };
  same(await browser.json('/web/dataset/call_button', params), false);
  same(await browser.call('res.partner', 'search', [[['id', '=', bob]]]), []);
});

await step('an attachment and its download', async () => {
  const values = { name: `${target.unique}.txt`, datas: Buffer.from('hello world').toString('base64') };
  const id = await browser.call('ir.attachment', 'create', [values]);
  const download = await browser.fetch(`/web/content/${id}?download=true`);
  same([download.status, await download.text()], [200, 'hello world']);
  holds(download.headers.get('content-disposition').includes(`${target.unique}.txt`), download.headers.get('content-disposition'));
  same((await new Browser().fetch(`/web/content/${id}`)).status, 404);
  await browser.call('ir.attachment', 'unlink', [[id]]);
  same((await browser.fetch(`/web/content/${id}`)).status, 404);
});

await step('an upload', async () => {
  // Odoo's page carries a token against forged requests, which its form sends along.
  const token = /csrf_token: "([^"]+)"/.exec(await browser.page('/web'))?.[1];
  const form = new FormData();
  if (token) form.append('csrf_token', token);
  form.append('model', 'res.partner');
  form.append('id', String(ann));
  form.append('ufile', new Blob(['uploaded'], { type: 'text/plain' }), `${target.unique}.txt`);
  const response = await browser.fetch('/web/binary/upload_attachment', { method: 'POST', body: form });
  const [file] = JSON.parse(await response.text());
  same([response.status, file.filename, file.mimetype, file.size], [200, `${target.unique}.txt`, 'text/plain', 8]);
  same(await (await browser.fetch(`/web/content/${file.id}`)).text(), 'uploaded');
  await browser.call('ir.attachment', 'unlink', [[file.id]]);
});

await step('a file that the browser has already', async () => {
  const values = { name: `${target.unique}.txt`, datas: Buffer.from('hello world').toString('base64') };
  const id = await browser.call('ir.attachment', 'create', [values]);
  const etag = (await browser.fetch(`/web/content/${id}`)).headers.get('etag');
  same((await browser.fetch(`/web/content/${id}`, { headers: { 'If-None-Match': etag } })).status, 304);
  await browser.call('ir.attachment', 'unlink', [[id]]);
});

await step('a picture', async () => {
  const picture = await browser.fetch(`/web/image/res.partner/${ann}/avatar_128`);
  same([picture.status, picture.headers.get('content-type').split('/')[0]], [200, 'image']);
});

await step('errors', async () => {
  const error = await rejection(browser.call('res.partner', 'write', [[ann], { parent_id: ann }]), 'recursive');
  same([error.code, error.data.name], [target.major < 19 ? 200 : 0, 'odoo.exceptions.ValidationError']);
  same((await rejection(browser.call('res.partner', 'nope', [[ann]]))).data.name, 'builtins.AttributeError');
  same((await rejection(browser.call('res.partner', '_write', [[ann]]))).data.name, 'odoo.exceptions.AccessError');
  same((await rejection(browser.call('res.partner', 'write', [[2147483647], { name: 'x' }]))).data.name, 'odoo.exceptions.MissingError');
});

await step('malformed JSON', async () => {
  const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{nope' };
  same((await browser.fetch('/web/session/get_session_info', options)).status, 400);
});

await step('unlink', async () => {
  same(await browser.call('res.partner', 'unlink', [[ann, bob, cid]]), true);
  same(await browser.call('res.partner', 'read', [[ann], ['name']]), []);
});

if (target.major >= 19 && target.apiKey) {
  await step('JSON-2 with a key', async () => {
    const call = async (key, method, body) => {
      const headers = { 'Content-Type': 'application/json', Authorization: `bearer ${key}`, 'X-Odoo-Database': target.db };
      const response = await fetch(`${target.url}/json/2/res.users/${method}`, { method: 'POST', headers, body: JSON.stringify(body) });
      return [response.status, await response.json()];
    };
    const [status, [user]] = await call(target.apiKey, 'search_read', { domain: [['id', '=', session.uid]], fields: ['login'] });
    same([status, user], [200, { id: session.uid, login: target.login }]);
    same((await call('wrong', 'search', { domain: [] }))[0], 401);
    same((await call(target.apiKey, 'search', { nope: 1 }))[0], 422);
    same((await call(target.apiKey, 'nope', {}))[0], 404);
  });
}

await step('the session is taken up again', async () => {
  const again = new Browser();
  again.cookies = new Map([...browser.cookies]);
  same((await again.json('/web/session/get_session_info')).uid, session.uid);
});

await step('logout', async () => {
  const response = await browser.fetch('/web/session/logout');
  holds(response.status === 302 || response.status === 303, response.status);
  same((await rejection(browser.json('/web/session/get_session_info'))).code, 100);
});
