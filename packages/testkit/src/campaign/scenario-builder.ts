import { Buffer } from 'node:buffer';
import { hex } from '@ioasis/core';
import type { Scenario, ScenarioStep, UnitName } from '../scenario/format.js';
import { Random } from './random.js';

const WORD = 8n;

/**
 * Bytes that one access moves. Short, so that hundreds fit the device's buffer; not so short that what is written was there before by
 * chance, which would look like a write that happened.
 */
const LENGTHS = [3, 4, 4, 4, 5, 8, 8, 8, 12, 16, 32] as const;

/** Collects the steps of a generated scenario. */
export class ScenarioBuilder {
  readonly random: Random;
  readonly #unit: UnitName;
  readonly #seed: number;
  readonly #steps: ScenarioStep[] = [];
  #nextTable: bigint;

  /** @param tables physical address from which table pages are taken */
  constructor(unit: UnitName, seed: number, tables: bigint) {
    this.random = new Random(seed);
    this.#unit = unit;
    this.#seed = seed;
    this.#nextTable = tables;
  }

  /** Fresh pages for a table, naturally aligned. @param bytes a power of two, at least 4096 */
  table(bytes = 0x1000n): bigint {
    const at = (this.#nextTable + bytes - 1n) & ~(bytes - 1n);
    this.#nextTable = at + bytes;
    return at;
  }

  /** 64-bit words at an address. */
  words(address: bigint, ...words: readonly bigint[]): void {
    const bytes = Buffer.alloc(words.length * 8);
    words.forEach((word, at) => bytes.writeBigUInt64LE(BigInt.asUintN(64, word), at * 8));
    this.#steps.push({ op: 'mem', addr: hex(address), hex: bytes.toString('hex') });
  }

  /** Contents that tell every address from every other, around `[address, address + bytes)`. */
  fill(address: bigint, bytes: number): void {
    const start = address & ~(WORD - 1n);
    const end = (address + BigInt(bytes) + WORD - 1n) & ~(WORD - 1n);
    this.#steps.push({ op: 'fill', addr: hex(start), len: Number(end - start), pattern: 'hash64' });
  }

  write(offset: number, size: 4 | 8, value: bigint): void {
    this.#steps.push({ op: 'mmio-write', off: hex(offset), size, value: hex(value) });
  }

  read(offset: number, size: 4 | 8): void {
    this.#steps.push({ op: 'mmio-read', off: hex(offset), size });
  }

  /** One access, in the given direction. */
  access(rid: number, iova: bigint, bytes: number, dir: 'read' | 'write'): void {
    const { random } = this;
    const data = Buffer.from(Array.from({ length: bytes }, () => random.below(255) + 1)).toString('hex');
    this.#steps.push({ op: 'dma', rid: hex(rid), iova: hex(iova), len: bytes, dir, ...(dir === 'write' && { data }) });
  }

  /** How many bytes an access moves. */
  length(): number {
    return this.random.pick(LENGTHS);
  }

  /** The scenario, with nothing expected yet. */
  build(config: Scenario['config']): Scenario {
    const id = `generated-${this.#seed}`;
    return { id, unit: this.#unit, class: 'settled', config, steps: this.#steps, expect: [] };
  }
}
