import { defaultServerConditions } from 'vite';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

// Packages resolve each other's sources, so that the tests need no build.
const conditions = ['@ioasis/source', ...defaultServerConditions];

const shared: ViteUserConfig = defineConfig({
  // Said here as well as in test/tsconfig.json: without it a decorated class in a test file is a syntax error.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // No test is about time; a busy machine only makes them slower.
  // Files of a worker share their modules: nothing in them changes at run time, and loading them was half of the time.
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, isolate: false },
});

export default shared;
