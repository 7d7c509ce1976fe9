import { defaultServerConditions } from 'vite';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

// Packages resolve each other's sources, so that the tests need no build.
const conditions = ['@ioasis/source', ...defaultServerConditions];

const shared: ViteUserConfig = defineConfig({
  // Said here as well as in test/tsconfig.json: without it a decorated class in a test file is a syntax error.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['test/**/*.test.ts'] },
});

export default shared;
