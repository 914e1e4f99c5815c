// odoo-xmlrpc 1.0.8: /xmlrpc/2 with callbacks. Its exec_workflow and render_report are of Odoo's past.

import { promisify } from 'node:util';
import { holds, load, rejection, same, step, target } from './steps.mjs';

const { default: Odoo } = await load('odoo-xmlrpc');
const create = (password) => new Odoo({ url: target.url, port: new URL(target.url).port, db: target.db, username: target.login, password });
const connect = (odoo) => promisify(odoo.connect.bind(odoo))();
const odoo = create(target.password);
const call = (model, method, ...params) => promisify(odoo.execute_kw.bind(odoo))(model, method, params);
let uid, ann, bob, cid, mine;

await step('wrong password', async () => {
  same(await rejection(connect(create('wrong'))), { message: 'No UID returned from authentication.' });
});

await step('login', async () => {
  uid = await connect(odoo);
  same(await call('res.users', 'read', [[uid]], { fields: ['login'] }), [{ id: uid, login: target.login }]);
});

await step('create', async () => {
  [ann, bob, cid] = await call('res.partner', 'create', [target.people()]);
  mine = [['id', 'in', [ann, bob, cid]]];
  holds(ann < bob && bob < cid, [ann, bob, cid]);
});

await step('search with operators, order, limit and offset', async () => {
  same(await call('res.partner', 'search', [mine], { order: 'name desc' }), [cid, bob, ann]);
  same(await call('res.partner', 'search', [mine, 1, 1, 'name']), [bob]);
  same(await call('res.partner', 'search', [['|', ['id', '=', cid], ['name', '=ilike', `${target.unique} ANN`]]], { order: 'id' }), [ann, cid]);
  same(await call('res.partner', 'search_count', [[...mine, ['color', '>', 1]]]), 2);
});

await step('read and search_read', async () => {
  same(await call('res.partner', 'read', [[bob]], { fields: ['city', 'email'] }), [{ id: bob, city: 'Ath', email: false }]);
  same(await call('res.partner', 'search_read', [mine], { fields: ['color'], order: 'color desc', limit: 1 }), [{ id: cid, color: 7 }]);
});

await step('grouping', async () => {
  const groups = await call('res.partner', 'read_group', [mine, ['color:sum'], ['city']]);
  same(groups.map((group) => [group.city, group.city_count, group.color]), [['Ath', 2, 3], ['Gent', 1, 7]]);
});

await step('write', async () => {
  same(await call('res.partner', 'write', [[ann, bob], { city: 'Mons', partner_latitude: 50.5 }]), true);
  same(await call('res.partner', 'read', [[bob], ['city', 'partner_latitude']]), [{ id: bob, city: 'Mons', partner_latitude: 50.5 }]);
});

await step('many2one and x2many commands', async () => {
  const [belgium] = await call('res.country', 'search', [[['code', '=', 'BE']]]);
  const tag = [0, 0, { name: `${target.unique} tag` }];
  await call('res.partner', 'write', [[ann], { country_id: belgium, category_id: [tag], child_ids: [[4, bob, 0]] }]);
  const [row] = await call('res.partner', 'read', [[ann], ['country_id', 'category_id', 'child_ids']]);
  same([row.country_id, row.category_id.length, row.child_ids], [[belgium, 'Belgium'], 1, [bob]]);
  await call('res.partner', 'write', [[ann], { country_id: false, category_id: [[5, 0, 0]], child_ids: [[3, bob, 0]] }]);
  const [after] = await call('res.partner', 'read', [[ann], ['country_id', 'category_id', 'child_ids']]);
  same([after.country_id, after.category_id, after.child_ids], [false, [], []]);
});

await step('fields_get', async () => {
  same(await call('res.partner', 'fields_get', [['name']], { attributes: ['type'] }), { name: { type: 'char' } });
});

await step('name_search', async () => {
  same(await call('res.partner', 'name_search', [`${target.unique} Cid`]), [[cid, `${target.unique} Cid`]]);
});

await step('access rights', async () => {
  same(await call('res.partner', 'check_access_rights', ['read'], { raise_exception: false }), true);
});

await step('contexts', async () => {
  await call('res.partner', 'write', [[cid], { active: false }]);
  same(await call('res.partner', 'search', [[['id', '=', cid]]]), []);
  same(await call('res.partner', 'search', [[['id', '=', cid]]], { context: { active_test: false } }), [cid]);
});

await step('context: language', async () => {
  const tag = await call('res.partner.category', 'create', [{ name: `${target.unique} gold` }]);
  await call('res.partner.category', 'write', [[tag], { name: `${target.unique} or` }], { context: { lang: target.language } });
  const read = async (lang) => (await call('res.partner.category', 'read', [[tag], ['name']], { context: { lang } }))[0].name;
  same([await read(target.language), await read('en_US')], [`${target.unique} or`, `${target.unique} gold`]);
});

await step('attachment', async () => {
  const datas = Buffer.from('hello world').toString('base64');
  const id = await call('ir.attachment', 'create', [{ name: `${target.unique}.txt`, datas, res_model: 'res.partner', res_id: ann }]);
  same(await call('ir.attachment', 'read', [[id], ['datas', 'mimetype']]), [{ id, datas, mimetype: 'text/plain' }]);
  same(await call('ir.attachment', 'unlink', [[id]]), true);
});

await step('a method of records', async () => {
  same(await call('res.partner', 'address_get', [[ann], ['invoice']]), { contact: ann, invoice: ann });
});

await step('errors', async () => {
  same((await rejection(call('res.partner', 'write', [[ann], { parent_id: ann }]), 'recursive')).faultCode, 2);
  same((await rejection(call('res.partner', 'nope', [[ann]]), 'nope')).faultCode, 1);
  same((await rejection(call('no.such', 'search', [[]]), 'no.such')).faultCode, 2);
});

await step('unlink', async () => {
  same(await call('res.partner', 'unlink', [[ann, bob, cid]]), true);
  same(await call('res.partner', 'search_count', [mine]), 0);
});

if (target.apiKey) {
  await step('API key as the password', async () => same(await connect(create(target.apiKey)), uid));
}
