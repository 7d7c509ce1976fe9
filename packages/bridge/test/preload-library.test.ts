import { describe, expect, it, vi } from 'vitest';
import { preloadLibrary } from '../src/index.js';
import { missing } from './native.js';

describe.skipIf(missing !== undefined)('the preload library', () => {
  it('is refused, not waited for, where no folder can be made', () => {
    vi.stubEnv('XDG_CACHE_HOME', '/proc/cache');
    expect(() => preloadLibrary()).toThrow('cannot make /proc/cache (ENOENT): set XDG_CACHE_HOME to a folder');
    vi.stubEnv('XDG_CACHE_HOME', '/dev/null/cache');
    expect(() => preloadLibrary()).toThrow('cannot make /dev/null/cache (ENOTDIR)');
    vi.unstubAllEnvs();
  });
});
