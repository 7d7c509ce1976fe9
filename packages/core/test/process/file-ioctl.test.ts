import { isLeft, right } from 'fp-ts/lib/Either.js';
import { expect, it } from 'vitest';
import type { IoResult } from '../../src/index.js';
import { testProcess } from './process-fixture.js';

const AT = 0x10_0000n;
const FIGETBSZ = 2;
const FIONBIO = 0x5421;
const FIONCLEX = 0x5450;
const FIOCLEX = 0x5451;
const FIOASYNC = 0x5452;

const outcome = (result: IoResult<number>): string | number => (isLeft(result) ? result.left.errno : result.right);

it('every file serves the requests of the virtual file system, and does not see them', () => {
  const seen: number[] = [];
  const { process, file } = testProcess();
  process.addressSpace.mmap(AT, 0x1000n, 'rw', { kind: 'private' });
  process.install(file('device', { ioctl: ({ request }) => right(seen.push(request)) }));
  const call = (request: number, argument: bigint): string | number => outcome(process.ioctl(3, request, argument));

  expect([FIOCLEX, FIONCLEX].map((request) => call(request, 0n))).toEqual([0, 0]);
  expect([FIONBIO, FIOASYNC, FIGETBSZ].map((request) => call(request, AT))).toEqual([0, 0, 0]);
  expect([...process.addressSpace.peek(AT, 4)]).toEqual([0x00, 0x10, 0, 0]);
  expect(call(FIOASYNC, AT)).toBe('ENOTTY');
  expect([FIONBIO, FIOASYNC, FIGETBSZ].map((request) => call(request, 0n))).toEqual(['EFAULT', 'EFAULT', 'EFAULT']);
  expect(seen).toEqual([]);
  expect(call(0x5453, AT)).toBe(1);
});
