import {
  Errno,
  join64,
  Translation,
  UnitCounters,
  type BackendDefinition,
  type DeviceCapabilities,
  type DirtySink,
  type DomainDirtyOps,
  type HwptUserData,
  type IommuBackend,
  type IommuDevice,
  type IommuDomain,
  type NestedDomain,
  type PageRequest,
  type PageResponseCode,
  type ReservedRegion,
  type TranslationUnit,
  type UserDataArray,
} from '../../src/index.js';

/** One page of a {@link ScriptedDomain}. */
export interface ScriptedPage {
  readonly pa: bigint;
  readonly prot: number;
  isDirty: boolean;
}

/** A domain of 4 KiB pages in a map. */
export class ScriptedDomain implements IommuDomain {
  readonly pageSizes = 0x1000n;
  readonly aperture: { start: bigint; last: bigint };
  readonly dirty: DomainDirtyOps | undefined;
  readonly pages: Map<bigint, ScriptedPage> = new Map();
  isTracking = false;
  isCoherent = false;
  isFree = false;
  mappedPages = 0;
  foundPaHi = 0;
  foundPaLo = 0;
  readonly #script: Script;

  constructor(script: Script, isDirty: boolean) {
    this.#script = script;
    this.aperture = script.aperture;
    this.dirty = isDirty ? this.#dirtyOps() : undefined;
  }

  mapPages(
    iovaHi: number,
    iovaLo: number,
    paHi: number,
    paLo: number,
    _shift: number,
    count: number,
    prot: number,
  ): number {
    this.mappedPages = 0;
    for (; this.mappedPages < count; this.mappedPages++) {
      const iova = join64(iovaHi, iovaLo) + BigInt(this.mappedPages) * 0x1000n;
      if (this.#script.unmappable?.(iova) === true) return Errno.ENOMEM;
      this.pages.set(iova, { pa: join64(paHi, paLo) + BigInt(this.mappedPages) * 0x1000n, prot, isDirty: false });
    }
    return 0;
  }

  unmapPages(iovaHi: number, iovaLo: number, _shift: number, count: number): number {
    for (let at = 0; at < count; at++) this.pages.delete(join64(iovaHi, iovaLo) + BigInt(at) * 0x1000n);
    return count * 0x1000;
  }

  syncMap(): void {}
  syncUnmap(): void {}
  flushAll(): void {}

  iovaToPhys(iovaHi: number, iovaLo: number): boolean {
    const page = this.pages.get(join64(iovaHi, iovaLo) & ~0xfffn);
    if (page === undefined) return false;
    this.foundPaHi = Number(BigInt.asIntN(32, page.pa >> 32n));
    this.foundPaLo = Number(BigInt.asIntN(32, page.pa));
    return true;
  }

  enforceCacheCoherency(): boolean {
    this.isCoherent = this.#script.canEnforce;
    return this.isCoherent;
  }

  free(): void {
    this.isFree = true;
  }

  #dirtyOps(): DomainDirtyOps {
    return {
      setTracking: (enabled) => {
        this.isTracking = enabled;
        return 0;
      },
      readAndClear: (iovaHi, iovaLo, bytes, flags, sink: DirtySink | null) => {
        if (!this.isTracking && sink !== null) return Errno.EINVAL;
        const start = join64(iovaHi, iovaLo);
        for (const [iova, page] of this.pages) {
          if (!page.isDirty || iova < start || iova >= start + BigInt(bytes)) continue;
          sink?.mark(Number(BigInt.asIntN(32, iova >> 32n)), Number(BigInt.asIntN(32, iova)), 0x1000);
          if (flags === 0) page.isDirty = false;
        }
        return 0;
      },
    };
  }
}

/** A nested domain that takes entries of 8 bytes and type 7; an entry that starts with 0xff is refused. */
class ScriptedNested implements NestedDomain {
  readonly handled: number[] = [];
  isFree = false;

  invalidate(entries: UserDataArray): { handled: number; errno: number } {
    if (entries.type !== 7) return { handled: 0, errno: Errno.EOPNOTSUPP };
    const bytes = new Uint8Array(8);
    for (let index = 0; index < entries.count; index++) {
      if (entries.entryBytes !== 8) return { handled: index, errno: Errno.EINVAL };
      if (!entries.read(index, bytes)) return { handled: index, errno: Errno.EFAULT };
      if (bytes[0] === 0xff) return { handled: index, errno: Errno.EIO };
      this.handled.push(bytes[0] ?? 0);
    }
    return { handled: entries.count, errno: 0 };
  }

  free(): void {
    this.isFree = true;
  }
}

/** What a test decides and sees of a backend. */
export interface Script {
  capabilities: DeviceCapabilities;
  aperture: { start: bigint; last: bigint };
  canEnforce: boolean;
  reserved: Map<string, ReservedRegion[]>;
  /** errno of the next attach of a device to a domain. */
  attachErrno: (device: IommuDevice, domain: object) => number;
  unmappable?: (iova: bigint) => boolean;
  readonly domains: ScriptedDomain[];
  readonly nested: ScriptedNested[];
  /** Domain by device name. */
  readonly attached: Map<string, object>;
  readonly answers: { readonly request: PageRequest; readonly code: PageResponseCode }[];
  readonly backend: () => IommuBackend;
  readonly definition: BackendDefinition;
}

/** A backend whose every answer a test can change. */
export function scriptedBackend(): Script {
  let made: IommuBackend | undefined;
  const script: Script = {
    capabilities: {
      cacheCoherency: true,
      enforceCacheCoherency: false,
      dirtyTracking: true,
      msiIsolated: true,
      maxPasidLog2: 5,
    },
    aperture: { start: 0n, last: 0xffff_ffffn },
    canEnforce: true,
    reserved: new Map(),
    attachErrno: () => 0,
    domains: [],
    nested: [],
    attached: new Map(),
    answers: [],
    backend: () => {
      if (made === undefined) throw new Error('no machine was made');
      return made;
    },
    definition: { id: 'scripted', create: () => (made = makeBackend(script)) },
  };
  return script;
}

function makeBackend(script: Script): IommuBackend {
  const unit = { translation: new Translation(), counters: new UnitCounters() } as unknown as TranslationUnit;
  return {
    id: 'scripted',
    unitOf: () => unit,
    addDevice: () => 0,
    removeDevice: () => undefined,
    capabilitiesOf: () => script.capabilities,
    reservedRegions: ({ name }) => script.reserved.get(name) ?? [],
    hwInfo: () => ({ type: 0x1234, data: Uint8Array.of(1, 2, 3, 4) }),
    allocPaging: (_device, flags) => {
      const domain = new ScriptedDomain(script, (flags & 2) !== 0);
      script.domains.push(domain);
      return domain;
    },
    allocNested: (_device, _parent, _flags, data: HwptUserData) => {
      if (data.type !== 9) return Errno.EOPNOTSUPP;
      if (!data.read(new Uint8Array(data.bytes))) return Errno.EFAULT;
      const domain = new ScriptedNested();
      script.nested.push(domain);
      return domain;
    },
    attach: (device, domain) => {
      const errno = script.attachErrno(device, domain);
      if (errno === 0) script.attached.set(device.name, domain);
      return errno;
    },
    detach: ({ name }) => void script.attached.delete(name),
    reportPageResponse: (request, code) => void script.answers.push({ request, code }),
  };
}
