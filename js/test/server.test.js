import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'node:test';

import { connect, start, WiredooError } from 'wiredoo';

const run = promisify(execFile);
const SHOP = new URL('fixtures/shop.yaml', import.meta.url);

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function isGone(pid) {
  for (let tries = 0; tries < 100 && isAlive(pid); tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  return !isAlive(pid);
}

test('a server starts with what it is told, and stops', async () => {
  const server = await start({ series: '17.0', fixtures: SHOP, clock: 'fixed:2026-01-02T03:04:05Z', seed: 7, dbAuto: 'auto_*' });
  try {
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(server.series, '17.0');
    assert.equal((await server.clock.state()).mode, 'fixed');
    assert.equal((await server.clock.now()).toISOString(), '2026-01-02T03:04:05.000Z');

    const first = server.use();
    assert.equal(first.db, 'odoo');
    assert.equal(await first.execute('res.partner', 'search_count', [[['name', '=', 'Acme']]]), 1);
    // A database that is made is as fresh as one can be: the fixtures of the start are in those of the start.
    const made = await server.database();
    assert.equal(await made.execute('res.partner', 'search_count', [[['name', '=', 'Acme']]]), 0);

    const auto = server.use('auto_7');
    assert.ok((await auto.execute('res.partner', 'search_count', [[]])) > 0);
    assert.ok((await server.databases()).some(({ name }) => name === 'auto_7'));
  } finally {
    await server.stop();
  }
  await assert.rejects(connect(server.url), WiredooError);
});

test('the same seed makes the same keys', async () => {
  const keys = [];
  for (const seed of [1, 1, 2]) {
    const server = await start({ seed });
    keys.push((await server.database()).apiKey);
    await server.stop();
  }
  assert.match(keys[0], /^[0-9a-f]{40}$/);
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[0], keys[2]);
});

test('the API key of the administrator works', async () => {
  const server = await start();
  const { url, db, login, apiKey } = await server.database();
  const body = { jsonrpc: '2.0', id: 1, params: { service: 'common', method: 'login', args: [db, login, apiKey] } };
  const response = await fetch(`${url}/jsonrpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal((await response.json()).result, 2);
  await server.stop();
});

test('another process connects with the token', async () => {
  const server = await start({ token: 'let me in' });
  await assert.rejects(connect(server.url), (error) => error.status === 401 && /--double-token/.test(error.message));
  const other = await connect(`${server.url}/`, { token: 'let me in' });
  assert.equal(other.series, server.series);
  const database = await other.database({ name: 'shop' });
  assert.equal(database.db, 'shop');
  await other.stop();
  assert.deepEqual((await server.databases()).map(({ name }) => name), ['odoo', 'shop']);
  await server.stop();
});

test('what goes wrong at the start is told', async () => {
  await assert.rejects(start({ executable: '/nowhere/wiredoo' }), /ENOENT/);
  await assert.rejects(start({ series: '14.0' }), /14\.0/);
  await assert.rejects(start({ fixtures: '/nowhere/shop.yaml' }), /\/nowhere\/shop\.yaml/);
});

test('a server does not outlive the process that started it', async () => {
  const script = `
    const { start } = await import('wiredoo');
    const server = await start({ executable: process.env.WIREDOO_BIN });
    const about = await fetch(server.url + '/__wiredoo/databases');
    console.log(JSON.stringify({ ok: about.ok }));
  `;
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  // Nothing is stopped here, and yet the process ends.
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd, timeout: 20_000 });
  assert.deepEqual(JSON.parse(stdout), { ok: true });

  const endless = `${script}\nsetInterval(() => {}, 1000);`;
  const named = endless.replace('JSON.stringify({ ok: about.ok })', 'server.url');
  const child = spawn(process.execPath, ['--input-type=module', '-e', named], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await once(child.stdout.setEncoding('utf8'), 'data');
  child.kill('SIGTERM');
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGTERM');
  await assert.rejects(connect(url.trim()), WiredooError);
});

test('wiredoo-run runs a command with a server', async () => {
  const cli = join(dirname(createRequire(import.meta.url).resolve('wiredoo/package.json')), 'dist/cli/run.js');
  const script = `
    const { connect } = await import('wiredoo');
    const server = await connect(process.env.WIREDOO_SERVER, { apiKey: process.env.WIREDOO_ADMIN_API_KEY });
    console.log(server.series);
    process.exitCode = 3;
  `;
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const args = [cli, '--series', '16.0', '--', process.execPath, '--input-type=module', '-e', script];
  const failed = await run(process.execPath, args, { cwd, timeout: 20_000 }).catch((error) => error);
  assert.equal(failed.code, 3, failed.stderr);
  assert.equal(failed.stdout, '16.0\n');
});

test('a server can be used with await using', async () => {
  const server = await start();
  const database = await server.database();
  await database[Symbol.asyncDispose]();
  assert.ok(!(await server.databases()).some(({ name }) => name === database.db));
  await server[Symbol.asyncDispose]();
  await assert.rejects(server.databases(), WiredooError);
});

test('a process is gone when its server was stopped', async () => {
  const server = await start({ args: ['--log', 'error'] });
  const { stdout } = await run('ps', ['-eo', 'pid,args']).catch(() => ({ stdout: '' }));
  await server.stop();
  const own = stdout.split('\n').filter((line) => line.includes('--log error') && line.includes('--ephemeral'));
  for (const line of own) assert.ok(await isGone(Number.parseInt(line, 10)), line);
});
