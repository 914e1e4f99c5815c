// Makes the package of one platform, which has nothing but the server's program.
//
//     node scripts/pack-platform.mjs PROGRAM [--platform linux-x64] [--out FOLDER]
//
// The platform is this machine's unless it is said. Prints the path of the .tgz. The version is that of the package
// `wiredoo`, which names the platforms' packages as optional dependencies of the same version.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    platform: { type: 'string', default: `${process.platform}-${process.arch}` },
    out: { type: 'string', default: '.' },
  },
});
const [program] = positionals;
if (positionals.length !== 1) fail('usage: pack-platform.mjs PROGRAM [--platform linux-x64] [--out FOLDER]');
if (!existsSync(program)) fail(`there is no file ${program}`);

const { version, license, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const name = `@wiredoo/${values.platform}`;
if (optionalDependencies[name] !== version) {
  fail(`${name} is no optional dependency of version ${version}; there are ${Object.keys(optionalDependencies).join(', ')}`);
}

const folder = mkdtempSync(join(tmpdir(), 'wiredoo-platform-'));
try {
  const [os, cpu] = values.platform.split('-');
  const file = join('bin', os === 'win32' ? 'wiredoo.exe' : 'wiredoo');
  mkdirSync(join(folder, 'bin'));
  copyFileSync(program, join(folder, file));
  chmodSync(join(folder, file), 0o755);
  for (const licence of ['LICENSE-APACHE', 'LICENSE-MIT']) {
    const found = [join(root, '..', licence), join(root, licence)].find(existsSync);
    if (found) copyFileSync(found, join(folder, licence));
  }
  const description = `The program of the package wiredoo for ${os} on ${cpu}`;
  const manifest = { name, version, description, license, os: [os], cpu: [cpu], files: ['bin', 'LICENSE-*'], preferUnplugged: true };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, 'README.md'), `# ${name}\n\n${description}. Install \`wiredoo\`, which brings it.\n`);
  mkdirSync(values.out, { recursive: true });
  const args = ['pack', '--json', '--pack-destination', resolve(values.out)];
  const npm = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' });
  if (npm.status !== 0) fail(npm.stderr ?? String(npm.error));
  console.log(join(resolve(values.out), `wiredoo-${values.platform}-${version}.tgz`));
} finally {
  rmSync(folder, { recursive: true });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
