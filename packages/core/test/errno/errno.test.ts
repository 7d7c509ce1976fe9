import { describe, expect, it } from 'vitest';
import { Errno, errnoName } from '../../src/index.js';

describe('Errno', () => {
  // include/uapi/asm-generic/errno-base.h and errno.h
  it.each([
    ['EPERM', 1],
    ['ENOENT', 2],
    ['ENXIO', 6],
    ['EBADF', 9],
    ['ENOMEM', 12],
    ['EFAULT', 14],
    ['EBUSY', 16],
    ['EEXIST', 17],
    ['EINVAL', 22],
    ['ENOTTY', 25],
    ['ENOSPC', 28],
    ['ESPIPE', 29],
    ['EBADE', 52],
    ['EOVERFLOW', 75],
    ['EBADFD', 77],
    ['EOPNOTSUPP', 95],
    ['EADDRINUSE', 98],
    ['ETIMEDOUT', 110],
  ] as const)('%s is %i', (name, number) => {
    expect(Errno[name]).toBe(number);
    expect(errnoName(number)).toBe(name);
  });

  it('has no name for other numbers', () => expect(() => errnoName(0)).toThrow(RangeError));
});
