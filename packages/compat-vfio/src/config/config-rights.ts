import { capabilityLength, extendedCapabilityLength } from './capability-length.js';
import {
  Cap,
  capabilityFields,
  ExtCap,
  extendedCapabilityFields,
  Header,
  headerFields,
  Msi,
  msiFields,
  Pm,
  STATUS_CAP_LIST,
  type ConfigField,
} from './permissions.js';

/** Bytes that every function has; the extended capabilities follow. */
const CONVENTIONAL_BYTES = 256;
/** Owner of bytes that belong to no structure: the device's own, never virtualised. */
const NO_CAPABILITY = -1;

/**
 * Which structure owns each byte of a function's configuration space, and what a user may do with each bit. Built once when a device is
 * opened, from the bytes as they are then (`vfio_config_init`).
 */
export class ConfigRights {
  /** The copy that the user sees where {@link virtual} has a 1. */
  readonly shown: Uint8Array;
  readonly virtual: Uint8Array;
  readonly writable: Uint8Array;
  /** First byte of the structure that owns a byte; an access is never served across two structures. */
  readonly #start: Int16Array;
  readonly #id: Int16Array;

  constructor(config: Uint8Array) {
    this.shown = Uint8Array.from(config);
    this.virtual = new Uint8Array(config.length);
    // Outside of all structures the user writes to the device: some hide registers there.
    this.writable = new Uint8Array(config.length).fill(0xff);
    this.#start = new Int16Array(config.length);
    this.#id = new Int16Array(config.length).fill(NO_CAPABILITY);
    this.#claim(0, Header.BYTES, 0, headerFields);
    const express = this.#addCapabilities(config);
    if (express && config.length > CONVENTIONAL_BYTES) this.#addExtendedCapabilities(config);
  }

  /** First byte of the capability that owns the byte, 0 in the header. */
  startOf(offset: number): number {
    return this.#start[offset] ?? 0;
  }

  /** True when the byte lies in a capability (of the first 256 bytes) with this id. */
  isIn(id: number, offset: number): boolean {
    return offset < CONVENTIONAL_BYTES && offset >= Header.BYTES && this.#id[offset] === id;
  }

  /** First byte of the capability with this id, or -1. */
  find(id: number): number {
    for (let at: number = Header.BYTES; at < Math.min(CONVENTIONAL_BYTES, this.#id.length); at++) {
      if (this.#id[at] === id) return at;
    }
    return -1;
  }

  /** Bytes of the aligned access that serves the next part of a transfer: 1, 2 or 4, inside one structure and one word. */
  chunk(offset: number, count: number): 1 | 2 | 4 {
    let same = 1;
    while (same < count && (offset + same) % 4 !== 0 && this.#id[offset + same] === this.#id[offset]) same++;
    if (same >= 4 && offset % 4 === 0) return 4;
    return same >= 2 && offset % 2 === 0 ? 2 : 1;
  }

  #claim(at: number, bytes: number, id: number, fields: readonly ConfigField[] | undefined): void {
    const last = Math.min(at + bytes, this.#id.length);
    this.#id.fill(id, at, last);
    this.#start.fill(at, at, last);
    this.writable.fill(0, at, last);
    for (const { offset, bytes: width, virtual, writable } of fields ?? []) {
      for (let byte = 0; byte < width; byte++) {
        // The tables reach to the end of the last word of a structure, what lies behind the structure has rights of its own.
        if (at + offset + byte >= last) continue;
        this.virtual[at + offset + byte] = (virtual >>> (8 * byte)) & 0xff;
        this.writable[at + offset + byte] = (writable >>> (8 * byte)) & 0xff;
      }
    }
  }

  /** @returns whether the function may have extended capabilities */
  #addCapabilities(config: Uint8Array): boolean {
    if (((config[Header.STATUS] ?? 0) & STATUS_CAP_LIST) === 0) return false;
    let extended = false;
    let shown = 0;
    let pointer: number = Header.CAPABILITY_LIST;
    let at = config[pointer] ?? 0;
    // Capabilities are word aligned, so a chain without a loop has at most this many links.
    for (let links = (CONVENTIONAL_BYTES - Header.BYTES) / 4; at !== 0 && links > 0; links--) {
      const id = config[at] ?? 0;
      const next = config[at + 1] ?? 0;
      const bytes = capabilityLength(config, id, at);
      if (bytes === 0) {
        this.shown[pointer] = next;
      } else {
        this.#claim(
          at,
          bytes,
          id,
          id === Cap.MSI ? msiFields(read16(config, at + Msi.FLAGS)) : capabilityFields.get(id),
        );
        this.virtual[at + 1] = 0xff;
        if (id === Cap.VNDR) this.writable.fill(0xff, at + 2, at + bytes);
        if (id === Cap.PM) this.#hidePowerEvents(at);
        if (id === Cap.EXP || id === Cap.PCIX) extended = read32(config, CONVENTIONAL_BYTES) !== 0;
        pointer = at + 1;
        shown++;
      }
      at = next;
    }
    if (shown === 0) this.shown[Header.STATUS] = (this.shown[Header.STATUS] ?? 0) & ~STATUS_CAP_LIST;
    return extended;
  }

  /** Power management events end at the host. */
  #hidePowerEvents(at: number): void {
    const clear = (offset: number, bits: number): void => {
      this.shown[offset] = (this.shown[offset] ?? 0) & ~bits;
    };
    clear(at + Pm.PMC + 1, Pm.PME_SUPPORT >> 8);
    clear(at + Pm.CTRL + 1, (Pm.PME_ENABLE | Pm.PME_STATUS) >> 8);
  }

  #addExtendedCapabilities(config: Uint8Array): void {
    let shown = 0;
    let previous = -1;
    let at = CONVENTIONAL_BYTES;
    for (let links = (config.length - CONVENTIONAL_BYTES) / 4; at >= CONVENTIONAL_BYTES && links > 0; links--) {
      const header = read32(config, at);
      const id = header & 0xffff;
      const next = (header >>> 20) & 0xffc;
      let bytes = extendedCapabilityLength(config, id, at);
      const hidden = bytes === 0;
      if (hidden && previous >= 0) {
        this.#setNext(previous, next);
        at = next;
        continue;
      }
      // The first capability anchors the chain: it stays as an empty header.
      if (hidden) bytes = 4;
      this.#claim(at, bytes, id, extendedCapabilityFields.get(id));
      this.virtual.fill(0xff, at, at + 4);
      if (id === ExtCap.VNDR || id === ExtCap.DVSEC) this.writable.fill(0xff, at + 4, at + bytes);
      if (hidden) this.#setHeader(at, next << 20);
      else shown++;
      previous = at;
      at = next;
    }
    if (shown === 0) this.#setHeader(CONVENTIONAL_BYTES, 0);
  }

  #setNext(at: number, next: number): void {
    this.#setHeader(at, ((read32(this.shown, at) & 0xf_ffff) | (next << 20)) >>> 0);
  }

  #setHeader(at: number, word: number): void {
    for (let byte = 0; byte < 4; byte++) this.shown[at + byte] = (word >>> (8 * byte)) & 0xff;
  }
}

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function read32(bytes: Uint8Array, at: number): number {
  return (read16(bytes, at) | (read16(bytes, at + 2) << 16)) >>> 0;
}
