import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { ClientMaps, type Area } from './client-maps.js';

/** Calls of programs so far. Between two of them any program may have changed what it maps, in one of them none does. */
export interface CallCount {
  count: number;
}

type Move = (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => number;

/** What /proc/PID/mem cannot show: addresses are positions in a file, signed 64-bit numbers of which we use the exact ones. */
const BEYOND = Number.MAX_SAFE_INTEGER;

/**
 * The memory of a running program, read and written in place through /proc/PID/mem. The open file stays with the memory it was opened for:
 * when the process executes another program or ends and its number goes to somebody else, it reads nothing.
 */
export class ClientMemory {
  readonly #mem: number;
  readonly #maps: ClientMaps;
  readonly #calls: CallCount;
  #areas: readonly Area[] = [];
  /** The call in which {@link #areas} were read. */
  #readAt = -1;
  #closed = false;

  /** @throws Error when the process is gone or may not be accessed */
  constructor(pid: number, calls: CallCount) {
    this.#calls = calls;
    this.#maps = new ClientMaps(pid);
    this.#mem = openSync(`/proc/${pid}/mem`, 'r+');
  }

  /** Bytes from `address` on, at most `bytes`, that the program may read, or write. */
  permitted(address: number, bytes: number, write: boolean): number {
    let at = address;
    while (at < address + bytes) {
      const area = this.areaAt(at);
      if (area === undefined || !(write ? area.writable : area.readable)) break;
      at = area.end;
    }
    return Math.min(at, address + bytes) - address;
  }

  /** The mapping of an address. */
  areaAt(address: number): Area | undefined {
    this.#refresh();
    const areas = this.#areas;
    let low = 0;
    let high = areas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((areas[middle] as Area).end <= address) low = middle + 1;
      else high = middle;
    }
    const found = areas[low];
    return found !== undefined && found.start <= address ? found : undefined;
  }

  /** Where a byte of a shared file is mapped, outside `[without, withoutEnd)`; undefined: nowhere. */
  addressOf(file: string, offset: number, without: number, withoutEnd: number): number | undefined {
    this.#refresh();
    for (const area of this.#areas) {
      if (area.file !== file) continue;
      const address = area.start + offset - area.offset;
      if (address < area.start || address >= area.end) continue;
      if (address < without || address >= withoutEnd) return address;
    }
    return undefined;
  }

  /** Reads whatever the permissions are. @returns bytes read before the first that is not mapped */
  read(address: number, into: Uint8Array): number {
    return this.#transfer(address, into, readSync);
  }

  /** Writes whatever the permissions are. @returns bytes written before the first that is not mapped */
  write(address: number, from: Uint8Array): number {
    return this.#transfer(address, from, writeSync);
  }

  /** From now on nothing is mapped. */
  close(): void {
    this.#closed = true;
    this.#areas = [];
    closeSync(this.#mem);
    this.#maps.close();
  }

  #refresh(): void {
    if (this.#readAt !== this.#calls.count) this.#areas = this.#readMaps();
    this.#readAt = this.#calls.count;
  }

  #transfer(address: number, bytes: Uint8Array, move: Move): number {
    // The number of a closed file may be another one's by now.
    if (this.#closed || address < 0 || address + bytes.length > BEYOND) return 0;
    let moved = 0;
    while (moved < bytes.length) {
      let step: number;
      try {
        step = move(this.#mem, bytes, moved, bytes.length - moved, address + moved);
      } catch {
        // EIO: nothing is mapped there.
        break;
      }
      if (step === 0) break;
      moved += step;
    }
    return moved;
  }

  #readMaps(): readonly Area[] {
    return this.#closed ? [] : this.#maps.read();
  }
}
