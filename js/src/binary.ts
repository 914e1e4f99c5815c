import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

import { WiredooError } from './errors.js';

const PROGRAM = process.platform === 'win32' ? 'wiredoo.exe' : 'wiredoo';

/** Where the server's program is: in `WIREDOO_BIN`, else in the package for this platform, else in the `PATH`. */
export function findBinary(): string {
  const named = process.env['WIREDOO_BIN'];
  if (named) {
    if (!isFile(named)) throw new WiredooError(`WIREDOO_BIN is ${named}, where there is no file`);
    return named;
  }
  const platform = `@wiredoo/${process.platform}-${process.arch}`;
  const found = packaged(platform) ?? inPath();
  if (found) return found;
  throw new WiredooError(
    `the program wiredoo was not found: the optional package ${platform} is not installed, and it is not in the PATH. ` +
      'Install without --omit=optional, or set WIREDOO_BIN to the program.',
  );
}

function packaged(name: string): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const path = join(dirname(manifest), 'bin', PROGRAM);
    return isFile(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function inPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  // npm puts the commands of this package, which are no server, under the same name.
  const outside = folders.filter((folder) => !/[\\/]node_modules[\\/]\.bin[\\/]?$/.test(folder));
  return outside.map((folder) => join(folder, PROGRAM)).find(isFile);
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
