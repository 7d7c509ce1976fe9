import { right } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../memory/machine-pages.js';
import { testProcess } from './process-fixture.js';

describe('DeviceNamespace', () => {
  it('lists paths as they come and go; open files stay open', () => {
    const { namespace, process, file } = testProcess();
    namespace.register('/dev/b', () => right(file('b')));
    process.open('/dev/a');
    namespace.unregister('/dev/a');
    expect(namespace.paths()).toEqual(['/dev/b']);
    expect(codeOf(process.open('/dev/a'))).toBe('PATH_UNKNOWN');
    expect(process.fileOf(3)?.kind).toBe('a');
  });

  it('throws when a path is made twice or removed without being there', () => {
    const { namespace, file } = testProcess();
    expect(() => namespace.register('/dev/a', () => right(file('b')))).toThrow(/registered already/);
    expect(() => namespace.unregister('/dev/b')).toThrow(/not registered/);
  });
});
