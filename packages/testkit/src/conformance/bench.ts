import {
  Access,
  CacheLines,
  hex,
  hi32,
  join64,
  linux612,
  lo32,
  ManualClock,
  NO_PASID,
  PhysicalMemory,
  type BackendDefinition,
  type HardwareFault,
  type IommuBackend,
  type IommuDevice,
  type IommuDomain,
  type NestedDomain,
  type TranslationUnit,
} from '@ioasis/core';
import { FailureInjector } from '../failure/index.js';
import { BenchDomain } from './bench-domain.js';
import { ConformanceError, ensure, equal } from './expectations.js';
import { WatchedFrames } from './watched-frames.js';

/** RAM that mappings lead to: 2 GiB from 0. */
const RAM_LAST = 0x7fff_ffffn;
const TABLES_START = 0x1_0000_0000n;
/** Frames for tables and structures; page tables are made in the first of them. */
const TABLE_BYTES = 0x200_0000n;
const ARENA_BYTES = 0x40_0000n;

/** What a device's request came to. */
export interface Answer {
  /** Where it went; undefined: it was refused. */
  readonly pa: bigint | undefined;
  /** OR of READ, WRITE, EXECUTE. Meaningful when it was not refused. */
  readonly permissions: number;
  readonly fault: HardwareFault | undefined;
}

/** A backend on a machine of its own: RAM whose lines a CPU caches, frames that are watched, devices from the first use of one. */
export class Bench {
  readonly memory: PhysicalMemory;
  /** What becomes of the backend's allocations. */
  readonly failures: FailureInjector = new FailureInjector();
  readonly frames: WatchedFrames;
  readonly backend: IommuBackend;
  readonly #devices: IommuDevice[] = [];

  constructor(definition: BackendDefinition) {
    const tables = { start: TABLES_START, last: TABLES_START + TABLE_BYTES - 1n };
    const arena = { start: TABLES_START, last: TABLES_START + ARENA_BYTES - 1n };
    this.memory = new PhysicalMemory({ windows: [{ start: 0n, last: RAM_LAST }, tables], arena });
    new CacheLines(this.memory).install();
    const range = { firstFrame: Number(TABLES_START >> 12n), frames: Number(TABLE_BYTES >> 12n) };
    this.frames = new WatchedFrames(this.memory, range, this.failures);
    this.backend = definition.create({
      memory: this.memory,
      tableFrames: this.frames,
      clock: new ManualClock(),
      pageSize: 4096,
      kernel: linux612,
      failure: null,
    });
  }

  /** A requester that the backend does not know yet: function 0 of device `index` + 1 on bus 0. */
  stranger(index: number, groupId: number = index): IommuDevice {
    const group = this.#devices.find((other) => other?.group.id === groupId)?.group ?? { id: groupId };
    return {
      name: `0000:00:${(index + 1).toString(16).padStart(2, '0')}.0`,
      segment: 0,
      requesterId: (index + 1) << 3,
      group,
    };
  }

  /** The device of this number; it is added to the backend when it is first asked for. */
  device(index: number = 0, groupId: number = index): IommuDevice {
    const known = this.#devices[index];
    if (known !== undefined) return known;
    const device = this.stranger(index, groupId);
    this.#devices[index] = device;
    equal(this.backend.addDevice(device), 0, `errno of adding device ${index}`);
    return device;
  }

  /** A new domain for device 0. */
  domain(flags: number = 0): BenchDomain {
    const domain = this.backend.allocPaging(this.device(), flags, undefined);
    if (typeof domain === 'number') throw new ConformanceError(`a domain with flags ${flags}: errno ${domain}`);
    return new BenchDomain(domain);
  }

  /** A new domain with device 0 on it. */
  attached(flags: number = 0): BenchDomain {
    const domain = this.domain(flags);
    this.attach(this.device(), domain);
    return domain;
  }

  /** Puts a device (or a PASID) on a domain; it must work. */
  attach(device: IommuDevice, domain: BenchDomain, pasid?: number): void {
    equal(this.tryAttach(device, domain.domain, pasid), 0, `errno of attaching ${device.name}`);
  }

  tryAttach(device: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number {
    return pasid === undefined ? this.backend.attach(device, domain) : this.backend.attach(device, domain, pasid);
  }

  /** The unit of a device; of device 0 unless given. */
  unit(device: IommuDevice = this.device()): TranslationUnit {
    return this.backend.unitOf(device);
  }

  /** A request as hardware answers it: through caches, with a fault recorded when it is refused. */
  request(device: IommuDevice, iova: bigint, access: number = Access.READ, pasid: number = NO_PASID): Answer {
    const unit = this.unit(device);
    const { translation } = unit;
    if (!unit.translate(device.requesterId, pasid, hi32(iova), lo32(iova), access)) {
      return { pa: undefined, permissions: 0, fault: translation.fault ?? undefined };
    }
    const pa = join64(translation.paHi, translation.paLo);
    return { pa, permissions: translation.permissions, fault: undefined };
  }

  /** Asserts where a request goes; undefined: it is refused. */
  expectReach(
    device: IommuDevice,
    iova: bigint,
    pa: bigint | undefined,
    access: number = Access.READ,
    pasid: number = NO_PASID,
  ): void {
    equal(this.request(device, iova, access, pasid).pa, pa, () => {
      const kind = (access & Access.WRITE) === 0 ? 'a read' : 'a write';
      return `where ${kind} of ${device.name} at ${hex(iova)} goes`;
    });
  }

  /** Where the tables lead a request now, whatever caches hold; undefined: it is refused. */
  explained(
    device: IommuDevice,
    iova: bigint,
    access: number = Access.READ,
    pasid: number = NO_PASID,
  ): bigint | undefined {
    return this.unit(device).explain(device.requesterId, pasid, iova, access).pa;
  }

  /** Size of the page that tables hold for an IOVA, bytes. */
  pageBytes(device: IommuDevice, iova: bigint): bigint {
    const { pageBytes } = this.unit(device).explain(device.requesterId, NO_PASID, iova, Access.READ);
    ensure(pageBytes !== undefined, `${hex(iova)} is mapped for ${device.name}`);
    return pageBytes;
  }
}
