import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      'packages/*/vitest.config.ts',
      'bench/vitest.config.ts',
      'docs/vitest.config.ts',
      'examples/vitest.config.ts',
      'examples/hw-riscv/vitest.config.ts',
    ],
    coverage: { include: ['packages/*/src/**/*.ts'] },
  },
});
