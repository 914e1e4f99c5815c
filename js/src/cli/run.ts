#!/usr/bin/env node
// Runs a command with a server: `wiredoo-run [ARGUMENTS OF THE SERVER --] COMMAND…`.
import { spawn } from 'node:child_process';

import { announced } from '../runner.js';
import { start } from '../server.js';

const given = process.argv.slice(2);
const end = given[0]?.startsWith('-') ? given.indexOf('--') : -1;
const [program, ...args] = given.slice(end + 1);

if (program === undefined || (end < 0 && program.startsWith('-'))) {
  process.stderr.write('usage: wiredoo-run [ARGUMENTS OF THE SERVER --] COMMAND…\n');
  process.exitCode = 2;
} else {
  try {
    const server = await start({ args: end < 0 ? [] : given.slice(0, end) });
    process.exitCode = await run(program, args, announced(server));
    await server.stop();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

function run(program: string, args: string[], env: Record<string, string>): Promise<number> {
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
