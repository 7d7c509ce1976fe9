import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { hi32, lo32, PhysicalMemory, Prot } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { PagingDomain } from '../../src/driver/paging-domain.js';
import { invalidateDomain, invalidatePages } from '../../src/driver/invalidations.js';
import { bareBackend, device } from '../bench-machine.js';

type Mapping = [iova: string, bytes: string, pa: string, level: number, rights: string, bits: string, page?: string];

interface Snapshot {
  readonly pages: readonly [address: string, hex: string][];
  readonly devices: readonly {
    readonly bdf: string;
    readonly sid: string;
    readonly levels?: number;
    readonly table_root?: string;
    readonly mappings?: readonly Mapping[];
  }[];
  readonly commands: readonly [string, string][];
}

/** Tables that Linux 6.12's own driver wrote (fixtures/README.md). */
const snapshot = JSON.parse(
  gunzipSync(
    readFileSync(new URL('../../../../fixtures/linux-tables/amdvi-linux-6.12.json.gz', import.meta.url)),
  ).toString(),
) as Snapshot;

function linuxMemory(): PhysicalMemory {
  const windows = [
    { start: 0n, last: 0x7fff_ffffn },
    { start: 0x1_0000_0000n, last: 0x1_7fff_ffffn },
  ];
  const memory = new PhysicalMemory({ windows, arena: { start: 0n, last: 0xf_ffffn } });
  for (const [address, hex] of snapshot.pages) memory.write(BigInt(address), Buffer.from(hex, 'hex'));
  return memory;
}

/** An independent walk, by the book: the leaf's word and the level it stands at. */
function leafOf(memory: PhysicalMemory, root: bigint, levels: number, iova: bigint): { word: bigint; level: number } {
  let table = root;
  for (let level = levels; level > 0;) {
    const index = (iova >> BigInt(12 + 9 * (level - 1))) & 0x1ffn;
    const bytes = new Uint8Array(8);
    memory.read(table + 8n * index, bytes);
    const word = new DataView(bytes.buffer).getBigUint64(0, true);
    const next = Number((word >> 9n) & 7n);
    if ((word & 1n) === 0n || next === 0 || next === 7) return { word, level };
    table = word & 0x000f_ffff_ffff_f000n;
    level = next;
  }
  throw new Error('a link leads nowhere');
}

const prots: Readonly<Record<string, number>> = { rw: Prot.READ | Prot.WRITE, ro: Prot.READ, wo: Prot.WRITE };

describe("tables that Linux's driver wrote", () => {
  const linux = linuxMemory();
  const devices = snapshot.devices.filter(({ mappings }) => mappings !== undefined && mappings.length > 0);

  it.each(devices.map((entry) => [entry.bdf, entry] as const))(
    'come out alike for %s',
    (_, { sid, levels, table_root, mappings }) => {
      const { memory, backend } = bareBackend();
      const dev = device(Number(sid));
      backend.addDevice(dev);
      const domain = backend.allocPaging(dev, 0, undefined);
      if (!(domain instanceof PagingDomain)) throw new Error('no domain');
      let leaves = 0;
      for (const [iova, bytes, pa, level, rights, , page] of mappings ?? []) {
        const size = page === undefined ? 1n << BigInt(12 + 9 * (level - 1)) : BigInt(page);
        const shift = size.toString(2).length - 1;
        for (let offset = 0n; offset < BigInt(bytes); offset += size) {
          const at = BigInt(iova) + offset;
          const to = BigInt(pa) + offset;
          expect(domain.mapPages(hi32(at), lo32(at), hi32(to), lo32(to), shift, 1, prots[rights]!)).toBe(0);
        }
      }
      expect(domain.levels).toBe(levels);
      for (const [iova, bytes, , level, , , page] of mappings ?? []) {
        const size = page === undefined ? 1n << BigInt(12 + 9 * (level - 1)) : BigInt(page);
        for (let offset = 0n; offset < BigInt(bytes); offset += size) {
          // The last byte of a page: the last of its replicas.
          const at = BigInt(iova) + offset + size - 1n;
          expect(leafOf(memory, domain.root, domain.levels, at)).toEqual(
            leafOf(linux, BigInt(table_root!), levels!, at),
          );
          leaves++;
        }
      }
      expect(leaves).toBeGreaterThan(0);
    },
  );
});

describe("commands that Linux's driver queued", () => {
  it('are encoded alike for the ranges that they name', () => {
    const pages = snapshot.commands.filter(([low]) => BigInt(low) >> 60n === 3n);
    expect(pages.length).toBeGreaterThan(100);
    for (const [low, high] of pages) {
      const domainId = Number((BigInt(low) >> 32n) & 0xffffn);
      const word = (BigInt(high) << 64n) | BigInt(low);
      const address = BigInt(high) & ~0xfffn;
      const ones = address | 0xfffn;
      const size = (BigInt(high) & 1n) === 0n ? 0x1000n : (ones ^ (ones + 1n)) + 1n;
      const start = (BigInt(high) & 1n) === 0n ? address : address & ~(size - 1n);
      const expected =
        size > 1n << 52n ? invalidateDomain(domainId) : invalidatePages(domainId, start, start + size - 1n);
      expect(expected).toBe(word);
    }
  });
});
