#!/usr/bin/env node
// The server itself, with the arguments as they are.
import { spawn } from 'node:child_process';

import { findBinary } from '../binary.js';

try {
  const child = spawn(findBinary(), process.argv.slice(2), { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code) => (process.exitCode = code ?? 1));
} catch (error) {
  fail((error as Error).message);
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
