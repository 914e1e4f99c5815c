import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'lib', 'tsc.js');

/** The documents with examples: in a clone where they are, else where they were copied to. */
const documents = ['../../docs/javascript.md', '../../README.md', '../README.md', 'docs/javascript.md', 'docs/README.md']
  .map((path) => join(here, path))
  .filter(existsSync);

/** What examples take for granted. */
const GRANTED = `
declare const odoo: import('wiredoo').Database;
declare const server: import('wiredoo').Server;
declare const fixtures: string[];
declare function push(account: object, customers: object[]): Promise<void>;
declare function syncCustomers(account: object): Promise<void>;
`;
const SYNC = `
export declare function push(account: object, customers: object[]): Promise<void>;
export declare function syncCustomer(account: object, customer: object): Promise<void>;
`;

test('the examples of the documents are what the types say', async () => {
  const folder = await mkdtemp(join(here, 'docs-'));
  try {
    await mkdir(join(folder, 'src'));
    await mkdir(join(folder, 'examples'));
    await writeFile(join(folder, 'granted.d.ts'), GRANTED);
    await writeFile(join(folder, 'src', 'sync.ts'), SYNC);
    let count = 0;
    for (const document of documents) {
      const blocks = (await readFile(document, 'utf8')).matchAll(/^```js\n(.*?)^```$/gms);
      for (const [, code] of blocks) await writeFile(join(folder, 'examples', `example${count++}.ts`), `${code}export {};\n`);
    }
    assert.ok(count > 0, 'there are no examples');
    await cp(join(here, 'types', 'tsconfig.json'), join(folder, 'base.json'));
    const config = { extends: './base.json', compilerOptions: { skipLibCheck: true }, files: [], include: ['.'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error) => error);
    assert.equal(stdout, '');
  } finally {
    await rm(folder, { recursive: true });
  }
});
