import { expect, it } from 'vitest';
import type { DmaPort } from '@ioasis/core';
import { EduDevice, EduDriver, replayTrace } from '../../src/index.js';
import { fakeFile, fakeMachine, open, traceOf } from '../trace/fake-kernel.js';
import { vfioFile } from './vfio-file.js';

/** A port in front of memory in which every byte is the low byte of its address; remembers what is written and the command register. */
function recordingPort(device: EduDevice) {
  const writes: [bigint, number[], number | undefined][] = [];
  const outcome = { status: 'ok', pieces: [] } as const;
  const port: DmaPort = {
    requesterId: 8,
    read: (iova, bytes) => ({ ...outcome, data: Uint8Array.from({ length: bytes }, (_, i) => Number(iova) + i) }),
    write(iova, data) {
      writes.push([iova, [...data], device.config[4]]);
      return outcome;
    },
    translate: () => ({ pa: undefined, pageBytes: 0n, readable: false, writable: false }),
  };
  return { port, writes };
}

it('moves bytes through the registers, as bus master only while it does', () => {
  const device = new EduDevice();
  const { port, writes } = recordingPort(device);
  device.connect(port, () => {});
  const process = fakeMachine({ '/dev/edu': vfioFile(device) }).spawn();
  process.open('/dev/edu');
  const driver = new EduDriver(process, 3);
  driver.transfer('to-device', 0x10_0020n, 0x10, 4);
  expect([...device.buffer.subarray(0x0f, 0x15)]).toEqual([0, 0x20, 0x21, 0x22, 0x23, 0]);
  driver.transfer('from-device', 0x20_0000n, 0x11, 2);
  expect(writes).toEqual([[0x20_0000n, [0x21, 0x22], 0x07]]);
  expect(device.config[4]).toBe(0x03);
  expect(Buffer.from(driver.readConfig(0, 4)).toString('hex')).toBe('3412e811');
});

it('does nothing through a file that refuses', () => {
  const process = fakeMachine({ '/dev/edu': fakeFile({}) }).spawn();
  process.open('/dev/edu');
  const driver = new EduDriver(process, 3);
  driver.transfer('to-device', 0n, 0, 4);
  expect(driver.readConfig(0, 4)).toHaveLength(0);
});

it('is how a trace’s dma and config steps are done', () => {
  const device = new EduDevice();
  const { port, writes } = recordingPort(device);
  device.connect(port, () => {});
  const trace = traceOf(
    open('vdev0', '/dev/edu', 3),
    { op: 'config', fd: 'vdev0', off: '0x2', data: 'e8110301' },
    { op: 'dma', fd: 'vdev0', dir: 'to-dev', iova: '0x1000', devoff: '0x8', len: '0x4' },
    { op: 'dma', fd: 'vdev0', dir: 'from-dev', iova: '0x2000', devoff: '0x9', len: '0x3' },
    { op: 'config', fd: 'vdev0', off: '0x4', data: '0701' },
  );
  const report = replayTrace(trace, () => fakeMachine({ '/dev/edu': vfioFile(device) }));
  expect(writes).toEqual([[0x2000n, [1, 2, 3], 0x07]]);
  expect(report.divergences.map(({ differences }) => differences)).toEqual([
    [
      {
        what: 'data',
        expected: '0701',
        got: '0301',
        fields: [{ field: 'bytes from 0x0', expected: '0701', got: '0301' }],
      },
    ],
  ]);
});
