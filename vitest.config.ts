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
    // vitest leaves a core free for watching; a run has nobody to watch.
    maxWorkers: '100%',
    coverage: { include: ['packages/*/src/**/*.ts'] },
  },
});
