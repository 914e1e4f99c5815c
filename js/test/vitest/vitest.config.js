import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { globalSetup: ['wiredoo/vitest-setup'], include: ['**/*.test.js'], root: import.meta.dirname },
});
