import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createMachine, type BackendDefinition } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import {
  checkers,
  createContainerMachine,
  createTestMachine,
  EventLog,
  FailureInjector,
  mockBackend,
} from '@ioasis/testkit';
import { ownTime } from './clock.js';
import { median } from './goals.js';
import { turnsOn } from './hook-workload.js';
import { hookCost } from './hookless.js';
import type { Progress } from './progress.js';
import { subjects, type Subject } from './subjects.js';
import { suiteTime } from './suite.js';
import { mapTerabyte } from './terabyte.js';

/** One line of the table. */
export interface EndToEndFigure {
  readonly what: string;
  readonly unit: string;
  readonly text: string;
}

const backends: readonly BackendDefinition[] = [intelVtd(), armSmmuv3(), amdVi()];
const ROUNDS = 7;
const WARM_UP = 3;
/** Of four machines in turn, each once more to become warm: V8 is done with their code after some 2000 maps. */
const WATCHED_ROUNDS = 31;
const IOVA = 0x4000_0000n;
const PAGE = 0x1000;
const SIZES = [
  ['4 KiB', PAGE, 1000],
  ['2 MiB', 0x20_0000, 50],
  ['1 GiB', 0x4000_0000, 1],
] as const;
/** More pages than an IOTLB has entries. */
const MISSES = 4096;
const CONTAINERS = 10_000;
const MAPS = 100;
const MIB = 2 ** 20;

const micros = (ns: number): string => `${(ns / 1000).toFixed(ns < 10_000 ? 2 : 0)} us`;

/** Costs as a user feels them. */
export function endToEnd(progress: Progress): EndToEndFigure[] {
  const groups: readonly (readonly [string, () => EndToEndFigure[]])[] = [
    ['map and unmap by ioctl', () => backends.flatMap(dmaMaps)],
    ['transfers by devices', () => backends.flatMap(dmaTransfers)],
    ['start of machines', () => backends.flatMap(machineStart)],
    ['what watching costs', watching],
    ['what it costs when nobody watches', unusedHooks],
    ['ten thousand address spaces', manyContainers],
    ['a terabyte', terabytes],
    ['replay', replayRate],
    ['all tests of the repository', allTests],
  ];
  return groups.flatMap(([what, measure]) => {
    progress(what);
    return measure();
  });
}

/** VFIO_IOMMU_MAP_DMA and UNMAP_DMA by ioctl: one memory at some addresses side by side, then none. */
function dmaMaps(backend: BackendDefinition): EndToEndFigure[] {
  return SIZES.flatMap(([name, bytes, times]) => {
    const pc = createContainerMachine({ backend, arenaBytes: 64 * MIB });
    const buffer = pc.buffer(bytes);
    const places = Array.from({ length: times }, (_, index) => IOVA + BigInt(index * bytes));
    const maps: number[] = [];
    const unmaps: number[] = [];
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const map = ownTime(() => places.forEach((iova) => pc.map(buffer, iova)));
      const unmap = ownTime(() => places.forEach((iova) => pc.unmap(iova, BigInt(bytes))));
      if (round < 0) continue;
      maps.push(map / times);
      unmaps.push(unmap / times);
    }
    return [
      { what: `MAP_DMA of ${name}`, unit: backend.id, text: micros(median(maps)) },
      { what: `UNMAP_DMA of ${name}`, unit: backend.id, text: micros(median(unmaps)) },
    ];
  });
}

/** Reads by a device through its port, one page again and again or more pages than the IOTLB holds. */
function dmaTransfers(backend: BackendDefinition): EndToEndFigure[] {
  const pc = createTestMachine({ backend });
  const buffer = pc.buffer(MISSES * PAGE);
  pc.map(buffer, IOVA);
  const { port } = pc.plugged;
  return [64, PAGE].flatMap((bytes) =>
    (['hit', 'miss'] as const).map((kind) => {
      const each = rounds(() => {
        for (let i = 0; i < MISSES; i++) {
          const { status } = port.read(kind === 'hit' ? IOVA : IOVA + BigInt(i * PAGE), bytes);
          if (status !== 'ok') throw new Error(`DMA is ${status}`);
        }
      });
      return { what: `DMA read of ${bytes} bytes, IOTLB ${kind}`, unit: backend.id, text: micros(each / MISSES) };
    }),
  );
}

function machineStart(backend: BackendDefinition): EndToEndFigure[] {
  const bare = rounds(() => createMachine({ backend, arenaBytes: 4 * MIB }));
  const ready = rounds(() => createTestMachine({ backend }));
  return [
    { what: 'start of a machine', unit: backend.id, text: micros(bare) },
    { what: 'the same with a device that is bound and attached', unit: backend.id, text: micros(ready) },
  ];
}

/** What watching costs: failure points that count and pass, the checkers, and a log of everything beside them. */
function watching(): EndToEndFigure[] {
  const kinds = ['nothing', 'failure points that pass', 'the checkers', 'the checkers with a log'] as const;
  const bodies = kinds.map((kind) => {
    const services = kind.startsWith('the checkers')
      ? [checkers(kind === 'the checkers' ? {} : { log: new EventLog() })]
      : [];
    const failure = kind === 'failure points that pass' ? { failure: new FailureInjector() } : {};
    const run = turnsOn({ services, ...failure });
    return (): void => run(100);
  });
  // In turn, so that all see the same minute of the machine.
  const times = Array.from({ length: 2 * WATCHED_ROUNDS }, () => bodies.map((body) => ownTime(body) / 100)).slice(
    WATCHED_ROUNDS,
  );
  return kinds.map((kind, at) => {
    const cost = median(times.map((round) => round[at] as number));
    const share = median(times.map((round) => (round[at] as number) / (round[0] as number)));
    const text = at === 0 ? micros(cost) : `${micros(cost)}, ${share.toFixed(2)}x`;
    return { what: `map, ten DMA reads and unmap, with ${kind}`, unit: 'intel-vtd', text };
  });
}

/** Tests for an observer or a source of failures that is not there. */
function unusedHooks(): EndToEndFigure[] {
  const { hooks, with: ns, ratio } = hookCost();
  const text = `${micros(ns)}, ${ratio.toFixed(3)}x of the same code with these ${hooks} tests as constants`;
  return [{ what: 'the same, failure points and observers unused', unit: 'intel-vtd', text }];
}

/** IO address spaces without a device, as VMMs and fuzzers make them. */
function manyContainers(): EndToEndFigure[] {
  const pc = createTestMachine({ backend: mockBackend() });
  const buffer = pc.buffer(PAGE);
  const before = process.memoryUsage().heapUsed;
  const ns = ownTime(() => {
    for (let container = 0; container < CONTAINERS; container++) {
      const ioasId = right(pc.iommufd.ioasAlloc());
      for (let map = 0; map < MAPS; map++) {
        const iova = IOVA + BigInt(map * PAGE);
        right(pc.iommufd.ioasMap({ ioasId, userVa: buffer.va, length: buffer.bytes, iova }));
      }
    }
  });
  const grown = process.memoryUsage().heapUsed - before;
  const text = `${(ns / 1e9).toFixed(2)} s, ${micros(ns / CONTAINERS / MAPS)} a map, ${(grown / MIB).toFixed(0)} MiB of heap`;
  return [{ what: `${CONTAINERS} IO address spaces with ${MAPS} maps each`, unit: 'mock', text }];
}

function terabytes(): EndToEndFigure[] {
  const subject = subjects[0] as Subject;
  return [21, 12].map((shift) => {
    const { coldMs, warmMs, tableBytes, theoryBytes, residentBytes } = mapTerabyte(subject, shift);
    const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
    const times = `${coldMs.toFixed(0)} ms first, ${warmMs.toFixed(0)} ms again`;
    const text = `${times}; tables ${mib(tableBytes)} of ${mib(theoryBytes)}; process +${mib(Math.max(0, residentBytes))}`;
    return { what: `1 TiB of pages of 2^${shift} bytes`, unit: subject.name, text };
  });
}

/** The committed recordings by `ioasis replay`, start of the process included. */
function replayRate(): EndToEndFigure[] {
  const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const cli = root('packages/cli/dist/main.js');
  const start = process.hrtime.bigint();
  const folder = root('fixtures/traces/random');
  const files = readdirSync(folder).map((name) => `${folder}/${name}`);
  const run = spawnSync(process.execPath, [cli, 'replay', '--json', ...files], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const steps = [...run.stdout.matchAll(/"steps":\s*(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  if (steps === 0)
    return [{ what: 'replay of recordings', unit: 'mock', text: 'not measured: no steps were reported' }];
  return [{ what: 'replay of recordings', unit: 'mock', text: `${(steps / seconds).toFixed(0)} steps a second` }];
}

function allTests(): EndToEndFigure[] {
  const suite = suiteTime();
  const text =
    suite === undefined ? 'not measured: a test fails' : `${suite.seconds.toFixed(0)} s, ${suite.passed} tests`;
  return [{ what: 'pnpm test', unit: 'all', text }];
}

/** Median ns of a body, after it has become warm. */
function rounds(body: () => void): number {
  const list = Array.from({ length: ROUNDS + WARM_UP }, () => ownTime(body));
  return median(list.slice(WARM_UP));
}

function right<T>(result: { readonly _tag: 'Left' } | { readonly _tag: 'Right'; readonly right: T }): T {
  if (result._tag === 'Left') throw new Error('refused');
  return result.right;
}
