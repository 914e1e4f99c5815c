import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { globalSetup: ['wiredoo/vitest-setup'], include: ['failing.js'] } });
