// For `globalSetup` in vitest's configuration: one server, or one for each series, for all workers of a run.

import { borrow, giveBack, known, type Known } from './runner.js';
import type { StartOptions } from './server.js';
import type { Series } from './types.js';
import './vitest-provided.js';

interface Project {
  provide(name: 'wiredoo', value: Known[]): void;
}

/** How the servers of a run are started. */
export interface SetupOptions extends Omit<StartOptions, 'series'> {
  series?: Series | readonly Series[];
}

/** A setup with options, for a file of one's own: `export default setup({ series: ['17.0', '19.0'] })`. */
export function setup(options: SetupOptions = {}): (project: Project) => Promise<() => Promise<void>> {
  const { series, ...rest } = options;
  const wanted = series === undefined ? [undefined] : typeof series === 'string' ? [series] : series;
  const each = wanted.map((series) => ({ ...rest, ...(series === undefined ? {} : { series }) }));
  return async (project) => {
    const servers = await Promise.all(each.map(borrow));
    project.provide('wiredoo', servers.map(known));
    return async () => {
      await Promise.all(each.map(giveBack));
    };
  };
}

export default setup();
