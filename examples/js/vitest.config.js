import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { globalSetup: ['./test/vitest/setup.js'], include: ['test/vitest/**/*.test.js'] },
});
