// odoo-await 3.4.1: /xmlrpc/2 with promises.

import { holds, load, rejection, same, step, target } from './steps.mjs';

const { default: Odoo } = await load('odoo-await');
const connect = (password) => new Odoo({ baseUrl: target.url, db: target.db, username: target.login, password });
const odoo = connect(target.password);
const values = target.people();
let ann, bob, cid, mine;

await step('wrong password', () => rejection(connect('wrong').connect(), 'invalid credentials'));

await step('login', async () => {
  const uid = await odoo.connect();
  holds(uid > 0 && odoo.uid === uid, uid);
  same(await odoo.read('res.users', uid, ['login']), [{ id: uid, login: target.login }]);
});

await step('create', async () => {
  ann = await odoo.create('res.partner', values[0]);
  [bob, cid] = await odoo.execute_kw('res.partner', 'create', [[values.slice(1)]]);
  mine = [['id', 'in', [ann, bob, cid]]];
  holds(ann < bob && bob < cid, [ann, bob, cid]);
});

await step('search', async () => {
  same((await odoo.search('res.partner', mine)).sort((a, b) => a - b), [ann, bob, cid]);
  same(await odoo.search('res.partner', { name: `${target.unique} Bob`, city: 'Ath' }), [bob]);
  same(await odoo.search('res.partner', ['id', '=', cid]), [cid]);
  same(await odoo.search('res.partner', ['&', ['id', '>=', ann], ['name', '=ilike', `${target.unique} ANN`]]), [ann]);
});

await step('search_read with order, limit and offset', async () => {
  const rows = await odoo.searchRead('res.partner', mine, ['color'], { offset: 1, limit: 1, order: 'color desc', context: {} });
  same(rows, [{ id: bob, color: 2 }]);
  same((await odoo.searchRead('res.partner', mine, ['name'])).length, 3);
});

await step('read', async () => {
  const rows = await odoo.read('res.partner', [cid, ann], ['city', 'email']);
  same(rows, [{ id: cid, city: 'Gent', email: false }, { id: ann, city: 'Ath', email: false }]);
});

await step('count and grouping', async () => {
  same(await odoo.execute_kw('res.partner', 'search_count', [[mine]]), 3);
  const groups = await odoo.execute_kw('res.partner', 'read_group', [[mine, ['color:sum'], ['city']]]);
  same(groups.map((group) => [group.city, group.city_count, group.color]), [['Ath', 2, 3], ['Gent', 1, 7]]);
});

await step('update one and several', async () => {
  same(await odoo.update('res.partner', ann, { city: 'Mons' }), true);
  same(await odoo.update('res.partner', [ann, bob], { city: 'Mons', email: 'é@example.com' }), true);
  same((await odoo.read('res.partner', bob, ['city', 'email']))[0], { id: bob, city: 'Mons', email: 'é@example.com' });
});

await step('many2one', async () => {
  const [belgium] = await odoo.search('res.country', { code: 'BE' });
  await odoo.update('res.partner', ann, { country_id: belgium });
  same((await odoo.read('res.partner', ann, ['country_id']))[0].country_id, [belgium, 'Belgium']);
});

await step('many2many actions', async () => {
  const tags = async () => (await odoo.read('res.partner', ann, ['category_id']))[0].category_id.sort((a, b) => a - b);
  const change = (category_id) => odoo.update('res.partner', ann, { category_id });
  await change({ action: 'create', value: [{ name: `${target.unique} gold` }, { name: `${target.unique} iron` }] });
  const [gold, iron] = await tags();
  await change({ action: 'remove', id: [gold] });
  same(await tags(), [iron]);
  await change({ action: 'add', id: gold });
  same(await tags(), [gold, iron]);
  await change({ action: 'replace', id: gold });
  same(await tags(), [gold]);
  await change({ action: 'clear' });
  same(await tags(), []);
});

await step('one2many actions', async () => {
  const children = async () => (await odoo.read('res.partner', cid, ['child_ids']))[0].child_ids;
  await odoo.update('res.partner', cid, { child_ids: { action: 'create', value: { name: `${target.unique} kid` } } });
  const [kid] = await children();
  await odoo.update('res.partner', cid, { child_ids: { action: 'update', id: kid, value: { name: `${target.unique} Kid` } } });
  same((await odoo.read('res.partner', kid, ['name']))[0].name, `${target.unique} Kid`);
  await odoo.update('res.partner', cid, { child_ids: { action: 'delete', id: kid } });
  same([await children(), await odoo.search('res.partner', { id: kid })], [[], []]);
});

await step('fields_get', async () => {
  const fields = await odoo.getFields('res.partner', ['type', 'relation']);
  same([fields.name, fields.country_id.relation], [{ type: 'char' }, 'res.country']);
});

await step('a method of records', async () => same(await odoo.action('res.partner', 'address_get', [ann]), { contact: ann }));

await step('contexts', async () => {
  await odoo.update('res.partner', bob, { active: false });
  same(await odoo.search('res.partner', { id: bob }), []);
  const options = { offset: 0, limit: 0, order: '', context: { active_test: false } };
  same(await odoo.searchRead('res.partner', { id: bob }, ['active'], options), [{ id: bob, active: false }]);
});

await step('context: language', async () => {
  const tag = await odoo.create('res.partner.category', { name: `${target.unique} gold` });
  const call = (method, args, lang) => odoo.execute_kw('res.partner.category', method, [args, { context: { lang } }]);
  await call('write', [[tag], { name: `${target.unique} or` }], target.language);
  const names = [await call('read', [[tag], ['name']], target.language), await call('read', [[tag], ['name']], 'en_US')];
  same(names.map(([row]) => row.name), [`${target.unique} or`, `${target.unique} gold`]);
});

await step('attachment', async () => {
  const datas = Buffer.from('hello world').toString('base64');
  const id = await odoo.create('ir.attachment', { name: `${target.unique}.txt`, datas, res_model: 'res.partner', res_id: ann });
  same(await odoo.read('ir.attachment', id, ['datas', 'mimetype']), [{ id, datas, mimetype: 'text/plain' }]);
  same(await odoo.delete('ir.attachment', id), true);
});

await step('external ids', async () => {
  const name = `${target.unique}_dan`;
  const id = await odoo.create('res.partner', { name: `${target.unique} Dan` }, name);
  same(await odoo.searchByExternalId(name), id);
  await odoo.updateByExternalId(name, { city: 'Spa' });
  same(await odoo.readByExternalId(name, ['city']), { id, city: 'Spa' });
  same(await odoo.deleteByExternalId(name), true);
  await rejection(odoo.searchByExternalId(name), 'No matching record');
});

await step('errors', async () => {
  same((await rejection(odoo.update('res.partner', ann, { parent_id: ann }), 'recursive')).faultCode, 2);
  same((await rejection(odoo.search('res.partner', ['nope', '=', 1]), 'nope')).faultCode, 1);
  same((await rejection(odoo.execute_kw('res.partner', '_write', [[]]), 'Private methods')).faultCode, 4);
  const wrong = connect('wrong');
  wrong.uid = odoo.uid;
  same((await rejection(wrong.search('res.partner', []), 'Access Denied')).faultCode, 3);
});

await step('delete', async () => {
  same(await odoo.delete('res.partner', [ann, bob, cid]), true);
  same(await odoo.read('res.partner', [ann], ['name']), []);
});

if (target.apiKey) {
  await step('API key as the password', async () => {
    const byKey = connect(target.apiKey);
    same(await byKey.connect(), odoo.uid);
    same(await byKey.search('res.users', { id: odoo.uid }), [odoo.uid]);
  });
}
