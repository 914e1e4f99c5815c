// odoo-xmlrpc-ts 1.3.0: /xmlrpc/2 with promises and error classes.

import { holds, load, rejection, same, step, target } from './steps.mjs';

const { OdooAuthenticationError, OdooClient, OdooError } = await load('odoo-xmlrpc-ts');
const connect = (password) => new OdooClient({ url: target.url, db: target.db, username: target.login, password });
const odoo = connect(target.password);
let uid, ann, bob, cid, mine;

await step('version', async () => {
  const version = await odoo.version();
  same([version.server_serie, version.server_version_info.slice(0, 2), version.protocol_version], [target.series, [target.major, 0], 1]);
});

await step('wrong password', async () => {
  holds((await rejection(connect('wrong').authenticate(), 'Authentication failed')) instanceof OdooAuthenticationError);
});

await step('login', async () => {
  uid = await odoo.authenticate();
  same(await odoo.read('res.users', [uid], ['login']), [{ id: uid, login: target.login }]);
});

await step('login at the first call', async () => same(await connect(target.password).searchCount('res.users', [['id', '=', uid]]), 1));

await step('create', async () => {
  ann = await odoo.create('res.partner', target.people()[0]);
  [bob, cid] = await odoo.create('res.partner', target.people().slice(1));
  mine = [['id', 'in', [ann, bob, cid]]];
  holds(ann < bob && bob < cid, [ann, bob, cid]);
});

await step('search with operators, order, limit and offset', async () => {
  same(await odoo.search('res.partner', mine, { order: 'name desc' }), [cid, bob, ann]);
  same(await odoo.search('res.partner', mine, { order: 'name', limit: 1, offset: 1 }), [bob]);
  same(await odoo.searchCount('res.partner', [...mine, ['city', 'not ilike', 'ATH']]), 1);
});

await step('read and search_read', async () => {
  same(await odoo.read('res.partner', [bob], ['city', 'email']), [{ id: bob, city: 'Ath', email: false }]);
  same(await odoo.searchRead('res.partner', mine, { fields: ['color'], order: 'color desc', limit: 1 }), [{ id: cid, color: 7 }]);
});

await step('grouping', async () => {
  const groups = await odoo.execute('res.partner', 'read_group', [mine, ['color:sum'], ['city']]);
  same(groups.map((group) => [group.city, group.city_count, group.color]), [['Ath', 2, 3], ['Gent', 1, 7]]);
});

await step('write', async () => {
  same(await odoo.write('res.partner', [ann, bob], { city: 'Mons <&> é' }), true);
  same((await odoo.read('res.partner', [bob], ['city']))[0].city, 'Mons <&> é');
});

await step('many2one and x2many commands', async () => {
  const [belgium] = await odoo.search('res.country', [['code', '=', 'BE']]);
  const tag = [0, 0, { name: `${target.unique} tag` }];
  await odoo.write('res.partner', [ann], { country_id: belgium, category_id: [tag], child_ids: [[4, bob, 0]] });
  const [row] = await odoo.read('res.partner', [ann], ['country_id', 'category_id', 'child_ids']);
  same([row.country_id, row.category_id.length, row.child_ids], [[belgium, 'Belgium'], 1, [bob]]);
  await odoo.write('res.partner', [ann], { category_id: [[6, 0, []]], child_ids: [[3, bob, 0]] });
  same((await odoo.read('res.partner', [ann], ['category_id']))[0].category_id, []);
});

await step('fields_get', async () => {
  const fields = await odoo.fieldsGet('res.partner', ['type', 'relation']);
  same([fields.name.type, fields.country_id.relation], ['char', 'res.country']);
});

await step('contexts', async () => {
  await odoo.write('res.partner', [cid], { active: false }, { context: { lang: 'en_US' } });
  same(await odoo.search('res.partner', [['id', '=', cid]]), []);
  same(await odoo.search('res.partner', [['id', '=', cid]], { context: { active_test: false } }), [cid]);
});

await step('context: language', async () => {
  const tag = await odoo.create('res.partner.category', { name: `${target.unique} gold` });
  const call = (method, args, lang) => odoo.execute('res.partner.category', method, args, { context: { lang } });
  await call('write', [[tag], { name: `${target.unique} or` }], target.language);
  const names = [await call('read', [[tag], ['name']], target.language), await call('read', [[tag], ['name']], 'en_US')];
  same(names.map(([row]) => row.name), [`${target.unique} or`, `${target.unique} gold`]);
});

await step('name_search', async () => {
  same(await odoo.execute('res.partner', 'name_search', [`${target.unique} Bob`]), [[bob, `${target.unique} Bob`]]);
});

await step('attachment', async () => {
  const datas = Buffer.from('hello world').toString('base64');
  const id = await odoo.create('ir.attachment', { name: `${target.unique}.txt`, datas, res_model: 'res.partner', res_id: ann });
  same(await odoo.read('ir.attachment', [id], ['datas', 'mimetype']), [{ id, datas, mimetype: 'text/plain' }]);
  same(await odoo.unlink('ir.attachment', [id]), true);
});

await step('a method of records', async () => {
  same(await odoo.execute('res.partner', 'address_get', [[ann], ['invoice']]), { contact: ann, invoice: ann });
});

await step('errors', async () => {
  holds((await rejection(odoo.write('res.partner', [ann], { parent_id: ann }), 'Method write failed', 'recursive')) instanceof OdooError);
  holds((await rejection(odoo.search('res.partner', [['nope', '=', 1]]), 'Method search failed', 'nope')) instanceof OdooError);
});

await step('unlink', async () => {
  same(await odoo.unlink('res.partner', [ann, bob, cid]), true);
  same(await odoo.read('res.partner', [ann], ['name']), []);
});

if (target.apiKey) {
  await step('API key as the password', async () => same(await connect(target.apiKey).authenticate(), uid));
}
