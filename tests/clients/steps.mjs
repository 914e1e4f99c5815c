// What the JavaScript scripts of this folder share: the server they are pointed at, named steps, comparisons.
//
// `run` says by environment variables which server it is; see docs/clients.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const environ = process.env;
const unique = environ.ODOO_UNIQUE;

/** The server that the libraries are driven against; the members are those of `Target` in steps.py. */
export const target = {
  url: environ.ODOO_URL.replace(/\/+$/, ''),
  db: environ.ODOO_DB,
  login: environ.ODOO_LOGIN,
  password: environ.ODOO_PASSWORD,
  series: environ.ODOO_SERIES,
  major: parseInt(environ.ODOO_SERIES, 10),
  apiKey: environ.ODOO_API_KEY,
  unique,
  language: environ.ODOO_LANGUAGE,
  library: environ.ODOO_LIBRARY,
  people: () => [
    { name: `${unique} Ann`, city: 'Ath', color: 1 },
    { name: `${unique} Bob`, city: 'Ath', color: 2 },
    { name: `${unique} Cid`, city: 'Gent', color: 7 },
  ],
};

/** Runs a function as a step and writes its line; a failure does not stop the script. */
export async function step(name, run) {
  try {
    await run();
    console.log(`ok ${target.library}: ${name}`);
  } catch (error) {
    const why = `${error?.name ?? typeof error}: ${error?.message ?? error}`.replace(/\s+/g, ' ').slice(0, 400);
    const line = /with_\w+\.mjs:(\d+)/.exec(error?.stack ?? '')?.[1] ?? 0;
    console.log(`FAILED ${target.library}: ${name}: ${why} (line ${line})`);
  }
}

/** Fails, telling both, where they differ. */
export function same(actual, expected) {
  assert.ok(JSON.stringify(actual) === JSON.stringify(expected), `${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
}

/** Fails, telling the value, where the condition does not hold. */
export function holds(condition, actual) {
  assert.ok(condition, `unexpected ${JSON.stringify(actual)}`);
}

/** What the promise is rejected with; fails where it is not, or where the error's text lacks one of the parts. */
export async function rejection(promise, ...texts) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error !== undefined, 'nothing was refused');
  for (const text of texts) holds(String(error.message ?? error).includes(text), error.message ?? error);
  return error;
}

/** An installed library. */
export async function load(name) {
  const folder = join(environ.CLIENT_FOLDER, 'node_modules', name);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return import(pathToFileURL(join(folder, manifest.module ?? manifest.main)).href);
}
