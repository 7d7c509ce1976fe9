import {
  Machine,
  type BackendDefinition,
  type DeviceTlb,
  type FrameAllocator,
  type FrameRange,
  type IommuBackend,
  type MachineHost,
  type MachineService,
  type PhysicalMemory,
  type RunningService,
  type TranslationUnit,
} from '@ioasis/core';
import { tapBackend } from '../log/backend-tap.js';
import { recordCalls } from '../log/call-recorder.js';
import { callSite } from '../log/call-site.js';
import type { EventLog } from '../log/event-log.js';
import { EventStream } from '../log/event-stream.js';
import { MemoryTap } from '../log/memory-tap.js';
import { tapCalls, tapProcesses } from '../log/process-tap.js';
import { UnitTap } from '../log/unit-tap.js';
import { tapDeviceTlb } from '../log/device-tlb-tap.js';
import { DirtyOracle } from './dirty-oracle.js';
import { findingText } from './finding-text.js';
import type { CheckerName, Finding } from './finding.js';
import { LeakChecker } from './leak-checker.js';
import { Promises } from './promises.js';
import { StaleChecker } from './stale-checker.js';
import { TableLint } from './table-lint.js';
import { UnmapChecker } from './unmap-checker.js';

/** What to check. */
export interface CheckersOptions {
  /** Only these; all unless given. */
  readonly only?: readonly CheckerName[];
  /** Report also uses of stale translations before the driver said that they are gone: legal, and a place to look at. */
  readonly windows?: boolean;
  /** Keeps everything that happens. */
  readonly log?: EventLog;
}

/**
 * Looks over the shoulder of one machine or unit and collects findings. Costs nothing where it is not used: it puts functions in front of
 * methods of the objects that it watches.
 */
export class Checkers implements MachineService {
  readonly id = 'checkers';
  readonly #options: CheckersOptions;
  readonly #stream = new EventStream();
  readonly #units: UnitTap[] = [];
  readonly #unmaps = new UnmapChecker();
  #memory: MemoryTap | undefined;
  #stale: StaleChecker | undefined;
  #lint: TableLint | undefined;
  #leaks: LeakChecker | undefined;
  readonly #dirty = new DirtyOracle((domain, iova) => this.#lint?.leafAt(domain, iova));

  constructor(options: CheckersOptions = {}) {
    this.#options = options;
  }

  /** Called by the machine. @throws Error for a second machine */
  start(host: MachineHost): RunningService {
    this.startOnBackend(host.backend, host.memory, host.tableFrames);
    const stream = this.#stream;
    const isLogged = this.#options.log !== undefined;
    if (host instanceof Machine) {
      this.#leaks = new LeakChecker(host, stream);
      stream.listen(this.#leaks);
      tapProcesses(host, (process) => {
        tapCalls(process, stream);
        if (isLogged) recordCalls(process, stream);
      });
    }
    return {};
  }

  /** Watches a backend without a machine around it, and the units of its devices. @param tables where its tables are allocated */
  startOnBackend(backend: IommuBackend, memory: PhysicalMemory, tables: FrameAllocator): void {
    const { firstFrame, frames } = tables;
    const isTable = (address: bigint): boolean => {
      const frame = Number(address >> 12n);
      return frame >= firstFrame && frame < firstFrame + frames;
    };
    this.#begin(memory, isTable, { firstFrame, frames });
    this.#lint?.watchFrames(tables);
    tapBackend(backend, this.#stream, {
      unit: (unit, requesterId) => {
        this.addUnit(unit);
        this.#lint?.addRequester(requesterId, unit);
      },
      trackingSet: (domain, enabled) => this.#dirty.trackingSet(domain, enabled),
      readingDirty: (domain, range, clears, gather) => this.#dirty.readingDirty(domain, range, clears, gather),
    });
  }

  /** Watches a unit that no machine has. @returns itself */
  startOnUnit(unit: TranslationUnit, memory: PhysicalMemory): this {
    this.#begin(memory, () => true, undefined);
    this.addUnit(unit);
    return this;
  }

  #begin(memory: PhysicalMemory, isKeptAtOnce: (address: bigint) => boolean, tables: FrameRange | undefined): void {
    if (this.#memory !== undefined) throw new Error('checkers watch one machine: make others for the next one');
    const stream = this.#stream;
    const tap = new MemoryTap(memory, stream, tables);
    const promises = new Promises(({ words }) => words.every(({ address }) => isKeptAtOnce(address)));
    this.#memory = tap;
    this.#stale = new StaleChecker(memory, promises, (address) => tap.follow(address));
    this.#lint = new TableLint(memory, stream, this.#stale);
    for (const listener of [promises, this.#stale, this.#unmaps, this.#dirty, this.#lint]) stream.listen(listener);
    if (this.#options.log !== undefined) stream.listen(this.#options.log);
  }

  /** A unit more; one that is known already stays as it is. */
  addUnit(unit: TranslationUnit): void {
    if (this.#units.some((tap) => tap.unit === unit)) return;
    const number = this.#units.length;
    this.#units.push(new UnitTap(unit, number, this.#stream, (dma) => this.#stale?.translated(dma)));
    this.#stale?.addUnit(number, unit);
  }

  /** Watches a device's own translation cache too. @param unit the one that it asks; the first unless given */
  addDeviceTlb(tlb: DeviceTlb, unit?: TranslationUnit): void {
    const tap = unit === undefined ? this.#units[0] : this.#units.find((each) => each.unit === unit);
    if (tap === undefined) throw new Error('the unit of this device is not watched');
    tapDeviceTlb(tlb, tap.number, this.#stream, (dma) => this.#stale?.translated(dma));
  }

  /**
   * Runs `body` as one call of a driver that only the test knows: until it returns, stale translations are legal; then they are not.
   * @param name for the reports
   */
  operation<A>(name: string, body: () => A): A {
    return this.#stream.run({ name, by: 'program', site: callSite() }, body);
  }

  get #checkers(): readonly { readonly findings: readonly Finding[]; clear(): void }[] {
    return [this.#stale, this.#unmaps, this.#dirty, this.#lint, this.#leaks].filter((checker) => checker !== undefined);
  }

  /** What was found so far, in the order of the checkers. */
  get findings(): readonly Finding[] {
    const { only, windows = false } = this.#options;
    const all: readonly Finding[] = this.#checkers.flatMap((checker) => checker.findings);
    return all.filter(
      (finding) =>
        (only === undefined || only.includes(finding.checker)) &&
        (windows || finding.checker !== 'stale-translation' || finding.severity !== 'window'),
    );
  }

  /** The findings so far, which are forgotten: for tests that make a mistake on purpose. */
  take(): readonly Finding[] {
    const { findings } = this;
    for (const checker of this.#checkers) checker.clear();
    return findings;
  }

  /** All findings as text; empty when all is well. */
  text(): string {
    return this.findings.map(findingText).join('\n\n');
  }

  /** @throws Error with all findings, when there are any */
  assertClean(): void {
    const { findings } = this;
    if (findings.length > 0) throw new Error(`${findings.length} findings of checkers\n\n${this.text()}`);
  }
}

/**
 * Checkers for a machine: `createMachine({ services: [check] })`, later `check.assertClean()`.
 *
 * @example
 * ```ts
 * const check = checkers();
 * const pc = createTestMachine({ backend: amdVi(), services: [check] });
 * const buffer = pc.buffer(0x1000);
 * const iova = pc.map(buffer);
 * pc.unmap(iova, buffer.bytes);
 * pc.dma.read(iova, 4); // after the unmap
 * expect(() => check.assertClean()).toThrow('use after unmap');
 * ```
 */
export const checkers = (options: CheckersOptions = {}): Checkers => new Checkers(options);

/** Checkers for a unit that a test programs by hand. */
export const checkUnit = (unit: TranslationUnit, memory: PhysicalMemory, options: CheckersOptions = {}): Checkers =>
  new Checkers(options).startOnUnit(unit, memory);

/**
 * A backend definition whose backends are watched from their first device on, each by checkers of its own: for suites that make their own
 * machines, such as `backendConformance`.
 * @param started told of the checkers of each backend that is made
 */
export const withCheckers = (
  definition: BackendDefinition,
  started: (check: Checkers) => void,
  options: CheckersOptions = {},
): BackendDefinition => ({
  ...definition,
  create(environment) {
    const backend = definition.create(environment);
    const check = new Checkers(options);
    check.startOnBackend(backend, environment.memory, environment.tableFrames);
    started(check);
    return backend;
  },
});
