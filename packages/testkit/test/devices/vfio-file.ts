import { right } from 'fp-ts/lib/Either.js';
import type { OpenFile } from '@ioasis/core';
import type { EduDevice } from '../../src/index.js';
import { fakeFile } from '../trace/fake-kernel.js';

/** The least that a VFIO device file is: region 0 is BAR 0, region 7 configuration space. */
export function vfioFile(device: EduDevice): OpenFile {
  const split = (offset: bigint): [number, number] => [Number(offset >> 40n), Number(offset & 0xff_ffff_ffffn)];
  return fakeFile({
    pread(process, addr, bytes, offset) {
      const [region, at] = split(offset);
      const data = new Uint8Array(bytes);
      if (region === 7) data.set(device.config.subarray(at, at + bytes));
      else device.bars[region]?.read(at, data);
      return right(process.addressSpace.copyOut(addr, data));
    },
    pwrite(process, addr, bytes, offset) {
      const [region, at] = split(offset);
      const data = process.addressSpace.peek(addr, bytes);
      if (region === 7) device.config.set(data, at);
      else device.bars[region]?.write(at, data);
      return right(bytes);
    },
  });
}
