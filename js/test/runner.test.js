import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

async function outcome(folder, ...args) {
  const cwd = fileURLToPath(new URL(folder, import.meta.url));
  // Without NODE_TEST_CONTEXT, by which a test runner within a test runner would speak to that.
  const { NODE_TEST_CONTEXT: _, ...env } = { ...process.env, NO_COLOR: '1' };
  const done = await run(process.execPath, args, { cwd, env }).catch((error) => error);
  return { code: done.code ?? 0, text: done.stdout + done.stderr };
}

test('tests of vitest have databases', async () => {
  const { code, text } = await outcome('vitest', vitest, 'run');
  assert.equal(code, 0, text);
  assert.match(text, /Tests {2}\d+ passed/);
});

test('a test of vitest that fails shows its calls, and unused stubs are told', async () => {
  const { code, text } = await outcome('vitest', vitest, 'run', '--config', 'failing.config.js');
  assert.equal(code, 1, text);
  assert.match(text, /2 failed \| 1 passed/);
  assert.match(text, /AssertionError: expected at least 1 call of res\.partner\.write, saw 0/);
  assert.match(text, /calls in test_\w+:\n(.*\n)*? {2}#\d+ res\.partner\.create by admin: ok/);
  assert.match(text, /warning: this stub was not used: #\d+ sale\.order\.action_confirm/);
  assert.match(text, /these stubs were not used:\s+#\d+ sale\.order\.action_cancel/);
});

test('a test of node:test that fails shows its calls, and one that runs beside another is told what to write', async () => {
  const { code, text } = await outcome('node', 'failing.js');
  assert.equal(code, 1, text);
  assert.match(text, /expected at least 1 call of res\.partner\.write, saw 0/);
  // Hooks of Node 18 are not told what became of their test, nor what it is a part of.
  if (Number.parseInt(process.versions.node, 10) < 20) return;
  assert.match(text, /calls in test_\w+:\n(.*\n)*? {2}#\d+ res\.partner\.create by admin: ok/);
  assert.match(text, /warning: this stub was not used: #\d+ sale\.order\.action_confirm/);
  assert.match(text, /for tests that run together write test\(…, withOdoo/);
});
