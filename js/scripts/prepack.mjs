// Before the package is built: removes what an earlier build has left, and brings the licences.
import { copyFileSync, existsSync, rmSync } from 'node:fs';

const here = (path) => new URL(`../${path}`, import.meta.url);

rmSync(here('dist'), { recursive: true, force: true });
for (const licence of ['LICENSE-APACHE', 'LICENSE-MIT']) {
  // A copy of this folder alone has brought them along.
  if (existsSync(here(`../${licence}`))) copyFileSync(here(`../${licence}`), here(licence));
}
