import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';

/** A mapping of a running program. */
export interface Area {
  readonly start: number;
  /** First byte behind it. */
  readonly end: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** What is shared with others: device and inode of a file; empty for memory of this program alone. */
  readonly file: string;
  /** Where it begins in {@link file}, bytes; 0 without one. */
  readonly offset: number;
  /** File or special name, empty for anonymous memory. */
  readonly name: string;
}

const DASH = 0x2d;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const LETTER_R = 0x72;
const LETTER_W = 0x77;
const LETTER_S = 0x73;
/** Columns of a line between the permissions and the name: offset, device, inode. */
const COLUMNS_BEFORE_NAME = 4;

/**
 * /proc/PID/maps, which is read for nearly every call of a program: a scan over bytes, no text of the lines is made.
 */
export class ClientMaps {
  readonly #file: number;
  #bytes: Buffer = Buffer.alloc(0x1_0000);

  /** @throws Error when the process is gone or may not be accessed */
  constructor(pid: number) {
    this.#file = openSync(`/proc/${pid}/maps`, 'r');
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The mappings, ascending; none when the program is gone. */
  read(): Area[] {
    const end = this.#load();
    const areas: Area[] = [];
    for (let at = 0; at < end;) at = this.#line(at, areas);
    return areas;
  }

  /** Reads the file. @returns bytes; lines that are not complete are left out */
  #load(): number {
    let filled = 0;
    for (;;) {
      if (filled === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(filled)]);
      const step = this.#step(filled);
      if (step === 0) break;
      filled += step;
    }
    return filled === 0 ? 0 : this.#bytes.lastIndexOf(NEWLINE, filled - 1) + 1;
  }

  #step(filled: number): number {
    try {
      return readSync(this.#file, this.#bytes, filled, this.#bytes.length - filled, filled);
    } catch {
      return 0;
    }
  }

  /** Reads `start-end rwxp offset device inode name`. @returns where the next line begins */
  #line(from: number, areas: Area[]): number {
    const bytes = this.#bytes;
    const dash = bytes.indexOf(DASH, from);
    const space = bytes.indexOf(SPACE, dash);
    const newline = bytes.indexOf(NEWLINE, space);
    const isShared = bytes[space + 4] === LETTER_S;
    const offsetAt = bytes.indexOf(SPACE, space + 1) + 1;
    const fileAt = isShared ? bytes.indexOf(SPACE, offsetAt) + 1 : 0;
    let at = space;
    for (let column = 0; column < COLUMNS_BEFORE_NAME; column++) {
      const next = bytes.indexOf(SPACE, at + 1);
      if (next < 0 || next > newline) {
        at = newline;
        break;
      }
      at = next;
    }
    const fileEnd = at;
    while (at < newline && bytes[at] === SPACE) at++;
    areas.push({
      start: number(bytes, from, dash),
      end: number(bytes, dash + 1, space),
      readable: bytes[space + 1] === LETTER_R,
      writable: bytes[space + 2] === LETTER_W,
      file: isShared ? bytes.toString('latin1', fileAt, fileEnd) : '',
      offset: isShared ? number(bytes, offsetAt, fileAt - 1) : 0,
      name: at === newline ? '' : bytes.toString('latin1', at, newline),
    });
    return newline + 1;
  }
}

/** A hexadecimal number in lower case, of at most 13 digits: exact. */
function number(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at] as number;
    value = value * 16 + (digit >= 0x61 ? digit - 0x57 : digit - 0x30);
  }
  return value;
}
