import { describe, expect, it } from 'vitest';
import { isLeft } from 'fp-ts/lib/Either.js';
import { vfio } from '@ioasis/compat-vfio';
import { createMachine, IommufdClient, PollEvent, type BackendDefinition, type Machine } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import {
  checkers,
  createTestMachine,
  EduDevice,
  EventLog,
  must,
  readTrace,
  replayTrace,
  traceText,
  TraceRun,
  type TestMachine,
} from '../../src/index.js';

const IOVA = 0x4000_0000n;

/** A program that maps two buffers, has the device use them, and unmaps the first. */
function logged(backend: BackendDefinition): { pc: TestMachine; log: EventLog } {
  const log = new EventLog();
  const pc = createTestMachine({ backend, services: [checkers({ log })] });
  pc.map(pc.buffer(Uint8Array.of(1, 2, 3)), IOVA);
  pc.map(pc.buffer(0x2000), IOVA + 0x10_0000n);
  pc.dma.read(IOVA, 4);
  pc.dma.write(IOVA + 0x10_0000n, Uint8Array.of(9));
  pc.unmap(IOVA, 0x1000n);
  pc.dma.read(IOVA, 4);
  return { pc, log };
}

/** The same machine, where nobody has opened anything. */
const untouched = (backend: BackendDefinition): Machine =>
  createMachine({
    backend,
    services: [vfio({ personality: 'iommufd' })],
    devices: [{ function: new EduDevice(), address: '0000:00:01.0', group: 1 }],
  });

const backends = [intelVtd(), armSmmuv3(), amdVi()];

it('a trace says what a program may, what its structures point to, and which descriptors it got', () => {
  const log = new EventLog();
  const machine = createMachine({
    backend: intelVtd(),
    services: [vfio({ personality: 'iommufd' }), checkers({ log })],
    devices: [{ function: new EduDevice(), address: '0000:00:01.0', group: 1 }],
  });
  const process = machine.spawn({ capabilities: ['sys_rawio'], limits: { memlock: 0x1000n } });
  const client = must(IommufdClient.open(process));
  must(client.ioasIovaRanges(must(client.ioasAlloc())));
  const fault = must(client.faultQueueAlloc());
  process.poll(fault.fd, PollEvent.IN);
  process.close(fault.fd);
  const steps = log.trace().steps;
  expect(steps.slice(0, 3)).toMatchObject([
    { op: 'begin' },
    { op: 'rlimit', memlock: '0x1000' },
    { op: 'caps', dropped: 'ipc_lock,sys_resource' },
  ]);
  const calls = steps.filter(({ op }) => op === 'ioctl');
  expect(calls.find((step) => 'bufs' in step && step.bufs?.length === 1)).toMatchObject({
    cmd: 'IOMMU_IOAS_IOVA_RANGES',
  });
  expect(calls.at(-1)).toMatchObject({ cmd: 'IOMMU_FAULT_QUEUE_ALLOC', newfd: { fdnum: fault.fd, off: 12 } });
  const report = replayTrace(log.trace(), () => untouched(intelVtd()));
  expect(report.divergences).toEqual([]);
});

describe.each(backends)('a log of $id', (backend) => {
  it('has everything in one order, each at a step of its own, inside the call that it is part of', () => {
    const { log } = logged(backend);
    expect(log.events.map(({ step }) => step)).toEqual(log.events.map((_, index) => index + 1));
    const unmap = log.ofKind('call').find(({ call }) => call.name === 'IOMMU_IOAS_UNMAP')!.call;
    expect(unmap.site).toMatch(/event-log\.test\.ts:\d+:\d+$/);
    const inside = log.events.filter(({ step }) => step > unmap.step && step < unmap.returned!);
    const kinds = new Set(inside.map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(['call', 'write', 'unmap', 'register', 'command', 'invalidation', 'sync', 'return']));
    const at = (kind: string): number => inside.find((event) => event.kind === kind)!.step;
    expect(at('write')).toBeLessThan(at('invalidation'));
    expect(at('invalidation')).toBeLessThan(at('sync'));
    expect(log.ofKind('dma').map(({ pa }) => pa !== undefined)).toEqual([true, true, false]);
    expect(log.ofKind('fault')).toHaveLength(1);
  });

  it('knows who mapped an IOVA at any step, and what invalidated a page since', () => {
    const { pc, log } = logged(backend);
    const [dma] = log.ofKind('dma');
    expect(log.mappedBy(pc.requesterId, IOVA, dma!.step)).toMatchObject({
      map: { range: { start: IOVA }, pa: dma!.pa },
      call: { name: 'IOMMU_IOAS_MAP', detail: expect.stringContaining('iova=0x40000000') },
    });
    expect(log.mappedBy(pc.requesterId, IOVA)).toBeUndefined();
    expect(log.mappedBy(pc.requesterId, IOVA + 0x10_1fffn)?.map.range.last).toBe(IOVA + 0x10_1fffn);
    const page = { start: IOVA, last: IOVA + 0xfffn };
    expect(log.invalidationsOf(page, dma!.step).length).toBeGreaterThan(0);
    expect(log.invalidationsOf(page, log.events.length)).toEqual([]);
  });

  it('reads as text', () => {
    const { log } = logged(backend);
    const unmap = log.ofKind('call').find(({ call }) => call.name === 'IOMMU_IOAS_UNMAP')!.call;
    const lines = log.text(unmap.step, unmap.returned).split('\n');
    expect(lines[0]).toMatch(
      /^ *\d+ IOMMU_IOAS_UNMAP\(ioas_id=0x\d iova=0x40000000 length=0x1000\), called at .*:\d+$/,
    );
    expect(lines[1]).toMatch(/^ *\d+ {3}unmapPages$/);
    expect(lines.at(-1)).toMatch(/^ *\d+ IOMMU_IOAS_UNMAP returned$/);
    expect(log.text()).toContain('requester 0x8: read of 0x40000000 refused (walk,');
  });

  it('is a trace that replays without a difference on a machine of its own', () => {
    const { pc, log } = logged(backend);
    pc.close();
    const text = traceText(log.trace());
    const read = readTrace('recorded', Buffer.from(text));
    if (isLeft(read)) throw new Error(JSON.stringify(read.left));
    const report = replayTrace(read.right, () => untouched(backend));
    expect(report.divergences).toEqual([]);
    expect(report.scenarios).toBe(1);
    expect(report.compared).toBeGreaterThan(8);
  });

  it('replays up to any step', () => {
    const { log } = logged(backend);
    const unmap = log.ofKind('call').find(({ call }) => call.name === 'IOMMU_IOAS_UNMAP')!.call;
    const until = (step: number): string => {
      const machine = untouched(backend);
      const run = new TraceRun(machine.spawn());
      for (const each of log.trace(step).steps) run.perform(each);
      return machine.devices[0]!.port.read(IOVA, 3).data.join(' ');
    };
    expect(until(unmap.step)).toBe('1 2 3');
    expect(until(log.events.length)).toBe('0 0 0');
  });
});
