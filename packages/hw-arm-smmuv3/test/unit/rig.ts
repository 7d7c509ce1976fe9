import {
  Access,
  hi32,
  hex,
  join64,
  lo32,
  NO_PASID,
  PhysicalMemory,
  write64,
  type InvalidationAnswer,
  type PageGroupResponse,
} from '@ioasis/core';
import { SmmuV3Unit, type ResumeOutcome, type SmmuV3Options } from '../../src/index.js';

const MIB = 0x10_0000n;

/** Fields of a stream table entry; the rest is zero. */
export interface SteFields {
  /** 0 abort, 4 bypass, 5 stage 1, 6 stage 2, 7 both. */
  readonly config?: bigint;
  readonly valid?: bigint;
  /** S1ContextPtr, S1Fmt, S1CDMax. */
  readonly cd?: bigint;
  readonly fmt?: bigint;
  readonly cdMax?: bigint;
  readonly dss?: bigint;
  /** EATS. */
  readonly ats?: bigint;
  /** STRW. */
  readonly world?: bigint;
  readonly vmid?: bigint;
  /** S2TTB, and S2T0SZ, S2SL0, S2TG, S2PS: 48 bits from level 0 with 4K by default. */
  readonly s2ttb?: bigint;
  readonly s2t0sz?: bigint;
  readonly s2sl0?: bigint;
  readonly s2tg?: bigint;
  readonly s2ps?: bigint;
  /** Further bits, by word. */
  readonly q1?: bigint;
  readonly q2?: bigint;
}

/** Fields of a context descriptor; the rest is as Linux writes it: 48 bits, 4K, EPD1, 48-bit output, AA64, R, A. */
export interface CdFields {
  readonly valid?: bigint;
  readonly asid?: bigint;
  readonly ttb0?: bigint;
  readonly ttb1?: bigint;
  readonly t0sz?: bigint;
  readonly tg0?: bigint;
  readonly t1sz?: bigint;
  readonly tg1?: bigint;
  readonly ips?: bigint;
  readonly epd0?: bigint;
  readonly epd1?: bigint;
  /** Bits [47:35] and others of word 0 besides AA64 (41): 45 R and 46 A by default. */
  readonly flags?: bigint;
}

/** CD word 0: S, R, A, HA, HD, AFFD, WXN, UWXN, PAN. */
export const CD_FLAG = {
  AFFD: 1n << 35n,
  WXN: 1n << 36n,
  UWXN: 1n << 37n,
  TBI0: 1n << 38n,
  PAN: 1n << 40n,
  HD: 1n << 42n,
  HA: 1n << 43n,
  S: 1n << 44n,
  R: 1n << 45n,
  A: 1n << 46n,
} as const;

/** STE word 2: S2AFFD, S2HD, S2HA, S2S, S2R. */
export const STE_FLAG = {
  S2AFFD: 1n << 53n,
  S2HD: 1n << 55n,
  S2HA: 1n << 56n,
  S2S: 1n << 57n,
  S2R: 1n << 58n,
} as const;

/** Stage 1 leaf: valid, AF, nG, unprivileged; a page has bit 1 too. */
export const PAGE = 0xc43n;
export const BLOCK = 0xc41n;
/** Stage 2 leaf: valid, AF, readable and writable, write-back. */
export const S2_PAGE = 0x4ffn;
export const S2_BLOCK = 0x4fdn;

/**
 * A unit with structures and tables written by hand, from the fact sheet's bit positions and not by any driver. Pages come from a
 * bump pointer; nothing is invalidated unless a test says so.
 */
export class SmmuRig {
  readonly memory: PhysicalMemory;
  readonly unit: SmmuV3Unit;
  readonly streams = 0x10_0000n;
  readonly commands = 0x12_0000n;
  readonly eventQueue = 0x13_0000n;
  readonly priQueue = 0x14_0000n;
  /** What reached the outside, in order. */
  readonly interrupts: string[] = [];
  readonly resumed: [stream: number, tag: number, outcome: ResumeOutcome][] = [];
  /** What the device of stream 0x10 was told. */
  readonly responses: PageGroupResponse[] = [];
  readonly atc: [pasid: number | undefined, start: bigint, last: bigint][] = [];
  /** Entries that devices say they dropped; undefined: no answer. */
  atcAnswer: InvalidationAnswer = 0;
  #next = 0x20_0000n;
  #producer = 0;
  #eventsRead = 0;
  readonly #log2Commands = 8;
  readonly #log2Events: number;

  constructor(options: SmmuV3Options = {}, { log2Events = 7 } = {}) {
    this.#log2Events = log2Events;
    this.memory = new PhysicalMemory({
      windows: [
        { start: 0n, last: 64n * MIB - 1n },
        { start: 0x1_0000_0000n, last: 0x1_ffff_ffffn },
        { start: 0xf_0000_0000_0000n, last: 0xf_0000_00ff_ffffn },
      ],
      arena: { start: 0n, last: 64n * MIB - 1n },
    });
    this.unit = new SmmuV3Unit({
      memory: this.memory,
      options: { preset: 'server', ...options },
      ports: {
        interrupt: (source) => this.interrupts.push(source),
        sendEvent: () => this.interrupts.push('event'),
        resume: (...outcome) => this.resumed.push(outcome),
      },
    });
    this.unit.connectEndpoint(0x10, {
      invalidateTlb: ({ pasid, startHi, startLo, lastHi, lastLo }) => {
        this.atc.push([pasid, join64(startHi, startLo), join64(lastHi, lastLo)]);
        return this.atcAnswer;
      },
      pageGroupResponse: (response) => this.responses.push(response),
    });
  }

  /** Zeroed memory of 2^log2 bytes, aligned to its size. */
  page(log2 = 12): bigint {
    const size = 1n << BigInt(log2);
    const at = (this.#next + size - 1n) & ~(size - 1n);
    this.#next = at + size;
    return at;
  }

  store(at: bigint, ...words: bigint[]): void {
    const bytes = new DataView(new ArrayBuffer(words.length * 8));
    words.forEach((word, index) => bytes.setBigUint64(index * 8, BigInt.asUintN(64, word), true));
    this.memory.write(at, new Uint8Array(bytes.buffer));
  }

  load(at: bigint): bigint {
    this.memory.load64(hi32(at), lo32(at));
    return (BigInt(this.memory.loadedHi >>> 0) << 32n) | BigInt(this.memory.loadedLo >>> 0);
  }

  read(offset: number): number {
    return this.unit.read32(offset) >>> 0;
  }

  /** Address of a stream's entry in a linear table. */
  steAt(stream: number): bigint {
    return this.streams + BigInt(stream) * 64n;
  }

  ste(stream: number, fields: SteFields, at: bigint = this.steAt(stream)): void {
    const {
      config = 5n,
      valid = 1n,
      cd = 0n,
      fmt = 0n,
      cdMax = 0n,
      dss = 0n,
      ats = 0n,
      world = 0n,
      vmid = 0n,
    } = fields;
    const { s2ttb = 0n, s2t0sz = 16n, s2sl0 = 2n, s2tg = 0n, s2ps = 5n, q1 = 0n, q2 = STE_FLAG.S2R } = fields;
    const stage2 =
      (config & 2n) === 0n ? 0n : (s2t0sz << 32n) | (s2sl0 << 38n) | (s2tg << 46n) | (s2ps << 48n) | (1n << 51n) | q2;
    this.store(
      at,
      valid | (config << 1n) | (fmt << 4n) | cd | (cdMax << 59n),
      dss | (ats << 28n) | (world << 30n) | q1,
      vmid | stage2,
      s2ttb,
      0n,
      0n,
      0n,
      0n,
    );
  }

  cd(at: bigint, fields: CdFields): void {
    const { valid = 1n, asid = 1n, ttb0 = 0n, ttb1 = 0n, t0sz = 16n, tg0 = 0n, t1sz = 16n, tg1 = 2n } = fields;
    const { ips = 5n, epd0 = 0n, epd1 = 1n, flags = CD_FLAG.R | CD_FLAG.A } = fields;
    const word0 = t0sz | (tg0 << 6n) | (epd0 << 14n) | (t1sz << 16n) | (tg1 << 22n) | (epd1 << 30n) | (valid << 31n);
    this.store(at, word0 | (ips << 32n) | (1n << 41n) | flags | (asid << 48n), ttb0, ttb1, 0n, 0n, 0n, 0n, 0n);
  }

  /** A stage 1 stream of its own. @returns the root table */
  stream(stream: number, cd: CdFields = {}, ste: SteFields = {}): bigint {
    const [at, root] = [this.page(), cd.ttb0 ?? this.page()];
    this.cd(at, { ...cd, ttb0: root });
    this.ste(stream, { cd: at, ...ste });
    return root;
  }

  /** A stage 2 stream. @returns the root table */
  stage2(stream: number, ste: SteFields = {}): bigint {
    const root = ste.s2ttb ?? this.page();
    this.ste(stream, { config: 6n, ...ste, s2ttb: root });
    return root;
  }

  /** Address of the entry for `iova` at an architectural level, making tables on the way from `top`. */
  entryAt(root: bigint, iova: bigint, level = 3, { top = 0, granule = 12 } = {}): bigint {
    let table = root;
    const bits = granule - 3;
    for (let at = top; ; at++) {
      const shift = BigInt(granule + (3 - at) * bits);
      // A root may be concatenated: its index takes what is left.
      const index = (iova & 0x000f_ffff_ffff_ffffn) >> shift;
      const slot = table + (at === top ? index : index & ((1n << BigInt(bits)) - 1n)) * 8n;
      if (at === level) return slot;
      if ((this.load(slot) & 3n) !== 3n) this.store(slot, this.page(granule) | 3n);
      table = this.load(slot) & 0x0000_ffff_ffff_ffffn & ~((1n << BigInt(granule)) - 1n);
    }
  }

  map(root: bigint, iova: bigint, entry: bigint, level = 3, shape: { top?: number; granule?: number } = {}): bigint {
    const at = this.entryAt(root, iova, level, shape);
    this.store(at, entry);
    return at;
  }

  /** Programs the registers and switches all queues and translation on. */
  enable(more = 0): this {
    write64(this.unit, 0x80, this.streams);
    this.unit.write32(0x88, 9);
    this.unit.write32(0x2c, 2);
    write64(this.unit, 0x90, this.commands | BigInt(this.#log2Commands));
    write64(this.unit, 0xa0, this.eventQueue | BigInt(this.#log2Events));
    write64(this.unit, 0xc0, this.priQueue | 1n);
    this.unit.write32(0x50, 7);
    this.unit.write32(0x20, 0xd | more);
    return this;
  }

  /** Writes a register while translation is off. */
  reprogram(offset: number, value: number | bigint): void {
    const cr0 = this.read(0x20);
    this.unit.write32(0x20, cr0 & ~1);
    if (typeof value === 'bigint') write64(this.unit, offset, value);
    else this.unit.write32(offset, value);
    this.unit.write32(0x20, cr0);
  }

  /** Puts commands into the queue and rings its doorbell once. */
  submit(...commands: (readonly [q0: bigint, q1?: bigint])[]): void {
    for (const [q0, q1 = 0n] of commands) {
      const slot = this.#producer & (2 ** this.#log2Commands - 1);
      this.store(this.commands + BigInt(slot * 16), q0, q1);
      this.#producer = (this.#producer + 1) & (2 ** (this.#log2Commands + 1) - 1);
    }
    this.unit.write32(0x98, this.#producer);
  }

  /** Where the next command goes. */
  get nextSlot(): bigint {
    return this.commands + BigInt((this.#producer & (2 ** this.#log2Commands - 1)) * 16);
  }

  /** What became of a request: `0x...` of its address, or the name of its fault. */
  ask(stream: number, iova: bigint, access: number = Access.READ, substream: number = NO_PASID): string {
    const { unit } = this;
    if (!unit.translate(stream, substream, hi32(iova), lo32(iova), access)) return unit.translation.fault!.name;
    return hex((BigInt(unit.translation.paHi >>> 0) << 32n) | BigInt(unit.translation.paLo >>> 0));
  }

  /** Events in memory since the last look, four words each; the consumer follows. */
  events(): bigint[][] {
    const producer = this.read(0x1_00a8);
    const size = 2 ** this.#log2Events;
    const found: bigint[][] = [];
    while (this.#eventsRead !== (producer & (2 * size - 1))) {
      const at = this.eventQueue + BigInt((this.#eventsRead & (size - 1)) * 32);
      found.push([0n, 8n, 16n, 24n].map((word) => this.load(at + word)));
      this.#eventsRead = (this.#eventsRead + 1) & (2 * size - 1);
    }
    this.unit.write32(0x1_00ac, this.#eventsRead | ((producer & 0x8000_0000) | 0));
    return found;
  }
}
