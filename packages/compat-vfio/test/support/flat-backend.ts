import {
  Access,
  Errno,
  Prot,
  Translation,
  UnitCounters,
  type BackendDefinition,
  type BackendEnvironment,
  type DeviceCapabilities,
  type HwInfo,
  type IommuBackend,
  type IommuDevice,
  type IommuDomain,
  type IotlbGather,
  type Range64,
  type ReservedRegion,
  type TranslationUnit,
  type TranslationWalk,
} from '@ioasis/core';

/** How a {@link flatBackend} differs from the usual one, which looks like VT-d with 39 bits: one MSI window, 4K, 2M and 1G pages. */
export interface FlatOptions {
  readonly aperture?: Range64;
  /** Bit n = pages of 2^n bytes. */
  readonly pageSizes?: bigint;
  readonly reserved?: readonly ReservedRegion[];
  /** Whether DMA coherency can be enforced. */
  readonly enforcesCoherency?: boolean;
  readonly msiIsolated?: boolean;
  /** Fails this many `mapPages` calls after the first `mapFailsAfter`. */
  readonly mapFailsAfter?: number;
  /** Called when an unmap is invalidated. */
  readonly onSyncUnmap?: () => void;
}

const MSI: ReservedRegion = { start: 0xfee0_0000n, last: 0xfeef_ffffn, kind: 'msi' };
const key = (hi: number, lo: number): number => (hi >>> 0) * 2 ** 20 + (lo >>> 12);

/** A domain that is a map from IOVA page to physical frame and permissions: no tables, no caches. Pages of 4 KiB underneath. */
export class FlatDomain implements IommuDomain {
  readonly pageSizes: bigint;
  readonly aperture: Range64;
  readonly pages = new Map<number, { readonly frame: number; readonly prot: number }>();
  /** log2 of the pages that `mapPages` was asked for, in order. */
  readonly mappedShifts: number[] = [];
  mappedPages = 0;
  foundPaHi = 0;
  foundPaLo = 0;
  readonly dirty = undefined;
  freed = false;
  readonly #options: FlatOptions;
  #maps = 0;

  constructor(options: FlatOptions) {
    this.#options = options;
    this.pageSizes = options.pageSizes ?? 0x4020_1000n;
    this.aperture = options.aperture ?? { start: 0n, last: 0x7f_ffff_ffffn };
  }

  mapPages(
    iovaHi: number,
    iovaLo: number,
    paHi: number,
    paLo: number,
    pageShift: number,
    count: number,
    prot: number,
  ): number {
    this.mappedPages = 0;
    if (this.#maps++ >= (this.#options.mapFailsAfter ?? Infinity)) return Errno.ENOMEM;
    this.mappedShifts.push(pageShift);
    const frames = count * 2 ** (pageShift - 12);
    const page = key(iovaHi, iovaLo);
    const frame = key(paHi, paLo);
    for (let at = 0; at < frames; at++) this.pages.set(page + at, { frame: frame + at, prot });
    this.mappedPages = count;
    return 0;
  }

  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number, _gather: IotlbGather): number {
    const page = key(iovaHi, iovaLo);
    const frames = count * 2 ** (pageShift - 12);
    let gone = 0;
    while (gone < frames && this.pages.delete(page + gone)) gone++;
    return gone * 4096;
  }

  syncMap(): void {}
  syncUnmap(): void {
    this.#options.onSyncUnmap?.();
  }

  flushAll(): void {}

  iovaToPhys(iovaHi: number, iovaLo: number): boolean {
    const found = this.pages.get(key(iovaHi, iovaLo));
    if (found === undefined) return false;
    this.foundPaHi = Math.floor(found.frame / 2 ** 20) | 0;
    this.foundPaLo = ((found.frame % 2 ** 20) * 4096) | (iovaLo & 0xfff);
    return true;
  }

  enforceCacheCoherency(): boolean {
    return this.#options.enforcesCoherency ?? false;
  }

  free(): void {
    if (this.pages.size > 0) throw new Error(`a domain with ${this.pages.size} pages is freed`);
    this.freed = true;
  }
}

/** The backend of one machine; tests look into its domains. */
export class FlatBackend implements IommuBackend, TranslationUnit {
  readonly id = 'flat';
  readonly mmioBytes = 0;
  readonly translation = new Translation();
  readonly counters = new UnitCounters();
  /** Every domain ever made, in order. */
  readonly domains: FlatDomain[] = [];
  readonly #options: FlatOptions;
  readonly #attached = new Map<number, FlatDomain>();

  constructor(options: FlatOptions) {
    this.#options = options;
  }

  /** Domains that live. */
  get living(): readonly FlatDomain[] {
    return this.domains.filter(({ freed }) => !freed);
  }

  unitOf(): TranslationUnit {
    return this;
  }

  addDevice(): number {
    return 0;
  }

  removeDevice(): void {}

  capabilitiesOf(): DeviceCapabilities {
    return {
      cacheCoherency: true,
      enforceCacheCoherency: this.#options.enforcesCoherency ?? false,
      dirtyTracking: false,
      msiIsolated: this.#options.msiIsolated ?? true,
      maxPasidLog2: 0,
    };
  }

  reservedRegions(): readonly ReservedRegion[] {
    return this.#options.reserved ?? [MSI];
  }

  hwInfo(): HwInfo {
    return { type: 0, data: new Uint8Array(0) };
  }

  allocPaging(_device: IommuDevice, flags: number): IommuDomain | number {
    if (flags !== 0) return Errno.EOPNOTSUPP;
    const domain = new FlatDomain(this.#options);
    this.domains.push(domain);
    return domain;
  }

  attach(device: IommuDevice, domain: IommuDomain): number {
    this.#attached.set(device.requesterId, domain as FlatDomain);
    return 0;
  }

  detach(device: IommuDevice): void {
    this.#attached.delete(device.requesterId);
  }

  translate(requesterId: number, _pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    this.counters.translations++;
    const domain = this.#attached.get(requesterId);
    const found = domain?.pages.get(key(iovaHi, iovaLo));
    const need = (access & Access.WRITE) !== 0 ? Prot.WRITE : Prot.READ;
    if (domain === undefined || found === undefined || (found.prot & need) === 0) {
      this.translation.fault = null;
      return false;
    }
    domain.iovaToPhys(iovaHi, iovaLo);
    this.translation.paHi = domain.foundPaHi;
    this.translation.paLo = domain.foundPaLo;
    return true;
  }

  explain(): TranslationWalk {
    return { steps: [], pa: undefined, pageBytes: undefined, readable: false, writable: false, fault: undefined };
  }

  step(): number {
    return 0;
  }

  reset(): void {}

  read32(): number {
    return 0;
  }

  write32(): void {}
  write64(): void {}
}

/** An IOMMU without tables and caches, for tests of what is above it. `made` gets each backend that a machine is made with. */
export function flatBackend(
  options: FlatOptions = {},
  made: (backend: FlatBackend) => void = () => {},
): BackendDefinition {
  return {
    id: 'flat',
    create: (_environment: BackendEnvironment) => {
      const backend = new FlatBackend(options);
      made(backend);
      return backend;
    },
  };
}
