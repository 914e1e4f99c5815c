import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { WiredooError } from './errors.js';
import type { Fixture, FixtureData, FixtureFile } from './types.js';

const EXTENSIONS = ['.yaml', '.yml', '.json', '.csv'];

/** What was loaded. */
export class Loaded {
  /** How many records, and of them how many users. */
  readonly records: number;
  readonly users: number;
  /** Model and id of the records that have an external id, by that. */
  readonly ids: Readonly<Record<string, readonly [model: string, id: number]>>;

  /** @internal */
  constructor({ records, users, ids }: { records: number; users: number; ids: Record<string, [string, number]> }) {
    this.records = records;
    this.users = users;
    this.ids = ids;
  }

  /** The id of a record by its external id; throws where there is none. */
  id(name: string): number {
    const found = this.ids[name] ?? this.ids[`fixture.${name}`] ?? this.ids[name.replace(/^fixture\./, '')];
    if (!found) throw new WiredooError(`no record '${name}' was loaded; there are ${Object.keys(this.ids).join(', ')}`);
    return found[1];
  }
}

/** Fixtures as they are sent: files are read. */
export async function read(fixtures: Fixture | readonly Fixture[]): Promise<(FixtureFile | FixtureData)[]> {
  const all = Array.isArray(fixtures) ? (fixtures as readonly Fixture[]) : [fixtures as Fixture];
  return (await Promise.all(all.map(readOne))).flat();
}

async function readOne(fixture: Fixture): Promise<(FixtureFile | FixtureData)[]> {
  if (typeof fixture !== 'string' && !(fixture instanceof URL)) return [fixture];
  const path = typeof fixture === 'string' && !fixture.startsWith('file:') ? fixture : fileURLToPath(fixture);
  try {
    if (!(await stat(path)).isDirectory()) return [await file(path)];
    const names = (await readdir(path)).filter((name) => EXTENSIONS.includes(extname(name).toLowerCase())).sort();
    if (names.length === 0) throw new Error(`there is no .yaml, .json or .csv file in ${path}`);
    return await Promise.all(names.map((name) => file(join(path, name))));
  } catch (cause) {
    throw new WiredooError(`the fixture ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

async function file(path: string): Promise<FixtureFile> {
  return { name: basename(path), content: await readFile(path, 'utf8') };
}
