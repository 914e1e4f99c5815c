import type {} from 'vitest';
import type { Known } from './runner.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The servers of the run; undefined without `wiredoo/vitest-setup`. */
    wiredoo: Known[] | undefined;
  }
}
