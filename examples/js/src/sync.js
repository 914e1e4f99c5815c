// Customers of the shop as partners in Odoo, and back.
import { LostAnswer } from './odoo.js';

const PARTNER = 'res.partner';
/** What marks a partner as a customer of the shop, and which. */
const ref = (customer) => `shop-${customer.id}`;

/**
 * Brings customers to Odoo: makes the partners that are missing, and changes those that differ. When an answer is lost,
 * what is there is looked at again, so that nobody is made twice.
 *
 * @param {import('./odoo.js').Odoo} odoo
 * @param {{ id: string, name: string, email?: string, phone?: string, mobile?: string, country?: string }[]} customers
 */
export async function push(odoo, customers) {
  const known = await odoo.ask(PARTNER, 'fields_get', [['mobile']], { attributes: ['type'] });
  const countries = await countriesOf(odoo, customers);
  const done = { created: 0, updated: 0, unchanged: 0 };
  for (const customer of customers) {
    done[await pushOne(odoo, ref(customer), values(customer, countries, 'mobile' in known))] += 1;
  }
  return done;
}

async function pushOne(odoo, ref, wanted) {
  for (let tried = 1; ; tried += 1) {
    const [partner] = await find(odoo, ref, Object.keys(wanted));
    if (partner) return change(odoo, partner, wanted);
    try {
      await odoo.call(PARTNER, 'create', [{ ...wanted, ref }]);
      return 'created';
    } catch (error) {
      if (!(error instanceof LostAnswer) || tried === 3) throw error;
      const [made] = await find(odoo, ref, ['id']);
      if (made) return 'created';
    }
  }
}

/** A partner that was archived is still the customer's. */
function find(odoo, ref, fields) {
  const domain = [['ref', '=', ref]];
  return odoo.ask(PARTNER, 'search_read', [domain], { fields, limit: 1, context: { active_test: false } });
}

async function change(odoo, partner, wanted) {
  const plain = (value) => (Array.isArray(value) ? value[0] : value);
  const changes = Object.entries(wanted).filter(([name, value]) => plain(partner[name]) !== value);
  if (changes.length === 0) return 'unchanged';
  // To write the same twice does no harm.
  await odoo.call(PARTNER, 'write', [[partner.id], Object.fromEntries(changes)], {}, { repeatable: true });
  return 'updated';
}

/** Odoo 19.0 has no field `mobile` any more: there the mobile phone is the phone, if there is no other. */
function values({ name, email = false, phone = false, mobile = false, country }, countries, hasMobile) {
  const numbers = hasMobile ? { phone, mobile } : { phone: phone || mobile };
  return { name, email, ...numbers, country_id: countries.get(country) ?? false };
}

async function countriesOf(odoo, customers) {
  const codes = [...new Set(customers.map(({ country }) => country).filter(Boolean))];
  const found = await odoo.ask('res.country', 'search_read', [[['code', 'in', codes]]], { fields: ['code'] });
  return new Map(found.map(({ id, code }) => [code, id]));
}

/**
 * The customers of the shop as Odoo has them, page by page.
 *
 * @param {import('./odoo.js').Odoo} odoo
 */
export async function* pull(odoo, { size = 100 } = {}) {
  for await (const page of odoo.pages(PARTNER, [['ref', '=like', 'shop-%']], ['ref', 'name', 'email'], size)) {
    yield page.map(({ ref, name, email }) => ({ id: ref.slice('shop-'.length), name, email: email || undefined }));
  }
}
