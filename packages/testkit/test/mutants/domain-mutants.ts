import { Errno, frameAddress, IotlbGather, Prot, type IommuDomain } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { domains, patch, type Mutant } from './mutant.js';

const amd = amdVi({ preset: 'zen-server' });
const vtd = intelVtd({ preset: 'full' });
const caching = intelVtd({ preset: 'qemu-q35-48bit', cachingMode: true });
const unsnooped = intelVtd({ preset: 'full', coherent: false });

const PAGE = 4096;
const ANY_RANGE = 'invalidation: an unmap of any few pages is seen, and its neighbours stay';
const HOLE = 'gather: an unmap stops at a hole and counts what went';
const ALL_OR_NOTHING = 'failures: mapping a run over tables is all or nothing, and its frames come back';
const onePage = (size: string): string =>
  `pages: one page of ${size} is mapped, reached from its first to its last byte, and gone after an unmap`;

/** Makes {@link IommuDomain.mappedPages} what `count` says. */
const countsMapped = (domain: IommuDomain, count: () => number): void => {
  Object.defineProperty(domain, 'mappedPages', { get: count });
};

/** Drivers that map, unmap or invalidate wrongly. */
export const DOMAIN_MUTANTS: readonly Mutant[] = [
  {
    name: 'forgets the invalidation after an unmap',
    of: vtd,
    caughtBy: ANY_RANGE,
    spoil: domains((domain) =>
      patch(domain, 'syncUnmap', (original) => (gather) => {
        gather.empty = true;
        original(gather);
      }),
    ),
  },
  {
    name: 'invalidates one page too few at the end',
    of: amd,
    caughtBy: ANY_RANGE,
    spoil: domains((domain) =>
      patch(domain, 'syncUnmap', (original) => (gather) => {
        if (gather.lastLo - gather.startLo > PAGE) gather.lastLo -= PAGE;
        original(gather);
      }),
    ),
  },
  {
    name: 'invalidates from the second page on',
    of: amd,
    caughtBy: ANY_RANGE,
    spoil: domains((domain) =>
      patch(domain, 'syncUnmap', (original) => (gather) => {
        if (gather.lastLo - gather.startLo > PAGE) gather.startLo += PAGE;
        original(gather);
      }),
    ),
  },
  {
    name: 'invalidates the last of several unmaps only',
    of: amd,
    caughtBy: 'gather: two distant unmaps share one gather and one invalidation',
    spoil: domains((domain) =>
      patch(domain, 'unmapPages', (original) => (hi, lo, shift, count, gather) => {
        gather.reset();
        return original(hi, lo, shift, count, gather);
      }),
    ),
  },
  {
    name: 'flushes nothing when everything is to be flushed',
    of: vtd,
    caughtBy: 'gather: flushing everything is enough too',
    spoil: domains((domain) => patch(domain, 'flushAll', () => () => undefined)),
  },
  {
    name: 'frees tables before the invalidation',
    of: vtd,
    caughtBy: 'gather: no table is given back while the unit knows a way through it',
    spoil: domains((domain, { tableFrames }) =>
      patch(domain, 'syncUnmap', (original) => (gather) => {
        for (const frame of gather.freelist.splice(0)) tableFrames.free(frame, 0);
        original(gather);
      }),
    ),
  },
  {
    name: 'tells the unit nothing of new mappings under caching mode',
    of: caching,
    caughtBy: 'invalidation: what was refused is reached once it is mapped, 64 KiB from the next mapping',
    spoil: domains((domain) => patch(domain, 'syncMap', () => () => undefined)),
  },
  {
    name: 'does not write table entries back to memory that the unit does not snoop',
    of: unsnooped,
    caughtBy: onePage('4 KiB'),
    spoil: domains((domain, { memory }) =>
      patch(domain, 'mapPages', (original) => (...call) => {
        const { lineCache } = memory;
        const flush = lineCache?.flush;
        if (lineCache !== null) lineCache.flush = () => undefined;
        const errno = original(...call);
        if (lineCache !== null && flush !== undefined) lineCache.flush = flush;
        return errno;
      }),
    ),
  },
  {
    name: 'makes write-only pages readable',
    of: amd,
    caughtBy: 'rights: a write-only page is written and not read',
    spoil: domains((domain) =>
      patch(
        domain,
        'mapPages',
        (original) => (hi, lo, paHi, paLo, shift, count, prot) =>
          original(hi, lo, paHi, paLo, shift, count, prot | Prot.READ),
      ),
    ),
  },
  {
    name: 'makes every page writable',
    of: vtd,
    caughtBy: 'rights: a read-only page of 4 KiB is read and not written',
    spoil: domains((domain) =>
      patch(
        domain,
        'mapPages',
        (original) => (hi, lo, paHi, paLo, shift, count, prot) =>
          original(hi, lo, paHi, paLo, shift, count, prot | Prot.WRITE),
      ),
    ),
  },
  {
    name: 'takes uncached memory for read-only memory',
    of: amd,
    caughtBy: 'rights: memory attributes neither add nor take away reads and writes',
    spoil: domains((domain) =>
      patch(
        domain,
        'mapPages',
        (original) => (hi, lo, paHi, paLo, shift, count, prot) =>
          original(hi, lo, paHi, paLo, shift, count, (prot & Prot.MMIO) === 0 ? prot : prot & ~Prot.WRITE),
      ),
    ),
  },
  {
    name: 'loses the last page of a run and counts it',
    of: vtd,
    caughtBy: 'pages: a run of eight pages crosses a multiple of 1 GiB',
    spoil: domains((domain) => {
      let mapped = 0;
      patch(domain, 'mapPages', (original) => (hi, lo, paHi, paLo, shift, count, prot) => {
        mapped = count;
        return original(hi, lo, paHi, paLo, shift, Math.max(1, count - 1), prot);
      });
      countsMapped(domain, () => mapped);
    }),
  },
  {
    name: 'puts large pages one small page too far',
    of: amd,
    caughtBy: onePage('2 MiB'),
    spoil: domains((domain) =>
      patch(
        domain,
        'mapPages',
        (original) => (hi, lo, paHi, paLo, shift, count, prot) =>
          original(hi, lo, paHi, shift === 21 ? paLo + 2 ** 21 : paLo, shift, count, prot),
      ),
    ),
  },
  {
    name: 'forgets what it mapped before it ran out of memory',
    of: vtd,
    caughtBy: ALL_OR_NOTHING,
    spoil: domains((domain) => {
      let mapped = 0;
      patch(domain, 'mapPages', (original) => (hi, lo, paHi, paLo, shift, count, prot) => {
        const errno = original(hi, lo, paHi, paLo, shift, count, prot);
        mapped = errno === 0 ? count : 0;
        return errno;
      });
      countsMapped(domain, () => mapped);
    }),
  },
  {
    name: 'loses a frame when mapping fails',
    of: amd,
    caughtBy: ALL_OR_NOTHING,
    spoil: domains((domain, { tableFrames }) =>
      patch(domain, 'mapPages', (original) => (...call) => {
        const errno = original(...call);
        if (errno !== 0) tableFrames.allocate(0);
        return errno;
      }),
    ),
  },
  {
    name: 'says that a page is mapped when there was one already',
    of: vtd,
    caughtBy: 'gather: mapping over a page is refused with EEXIST, or replaces it at once',
    spoil: domains((domain) => {
      let mapped = 0;
      patch(domain, 'mapPages', (original) => (hi, lo, paHi, paLo, shift, count, prot) => {
        const errno = original(hi, lo, paHi, paLo, shift, count, prot);
        mapped = count;
        return errno === Errno.EEXIST ? 0 : errno;
      });
      countsMapped(domain, () => mapped);
    }),
  },
  {
    name: 'counts one page too many',
    of: vtd,
    caughtBy: HOLE,
    spoil: domains((domain) =>
      patch(domain, 'unmapPages', (original) => (...call) => {
        const bytes = original(...call);
        return bytes === 0 ? 0 : bytes + PAGE;
      }),
    ),
  },
  {
    name: 'unmaps nothing and counts it',
    of: amd,
    caughtBy: 'gather: unmapping nothing counts nothing',
    spoil: domains((domain) =>
      patch(
        domain,
        'unmapPages',
        (original) => (hi, lo, shift, count, gather) =>
          Math.max(original(hi, lo, shift, count, gather), count * 2 ** shift),
      ),
    ),
  },
  {
    name: 'takes all of a large page and counts the part',
    of: vtd,
    caughtBy:
      'large pages: an unmap inside a page of 2 MiB takes what it counts, and leaves the rest and the neighbours',
    spoil: domains((domain) =>
      patch(
        domain,
        'unmapPages',
        (original) => (hi, lo, shift, count, gather) =>
          Math.min(original(hi, lo, shift, count, gather), count * 2 ** shift),
      ),
    ),
  },
  {
    name: 'needs memory to unmap',
    of: amd,
    caughtBy: 'gather: an unmap of what was mapped works when no frame is to be had',
    spoil: domains((domain, { tableFrames }) =>
      patch(domain, 'unmapPages', (original) => (...call) => {
        const frame = tableFrames.allocate(0);
        if (frame < 0) return 0;
        tableFrames.free(frame, 0);
        return original(...call);
      }),
    ),
  },
  {
    name: 'looks up pages instead of bytes',
    of: vtd,
    caughtBy: onePage('4 KiB'),
    spoil: domains((domain) => patch(domain, 'iovaToPhys', (original) => (hi, lo) => original(hi, lo & -PAGE))),
  },
  {
    name: 'keeps the tables of a freed domain',
    of: amd,
    caughtBy: 'release: a freed domain gives all frames back, whatever it was used for',
    spoil: domains((domain) => patch(domain, 'free', () => () => undefined)),
  },
  {
    name: 'cannot enforce cache coherency, although the device can',
    of: amd,
    caughtBy: 'devices: a domain enforces cache coherency exactly when the device says it can',
    spoil: domains((domain) => patch(domain, 'enforceCacheCoherency', () => () => false)),
  },
  {
    name: 'reports the neighbour of a written page too',
    of: vtd,
    caughtBy: 'dirty tracking: the pages that were written are reported, and no others',
    spoil: domains(({ dirty }) => {
      if (dirty === undefined) return;
      patch(dirty, 'readAndClear', (original) => (hi, lo, bytes, flags, sink, gather) => {
        const wide = sink && { mark: (h: number, l: number, marked: number) => sink.mark(h, l, marked + PAGE) };
        return original(hi, lo, bytes, flags, wide, gather);
      });
    }),
  },
  {
    name: 'clears dirty pages that were only to be read',
    of: vtd,
    caughtBy: 'dirty tracking: reading without clearing says the same twice',
    spoil: domains(({ dirty }) => {
      if (dirty === undefined) return;
      patch(
        dirty,
        'readAndClear',
        (original) => (hi, lo, bytes, _flags, sink, gather) => original(hi, lo, bytes, 0, sink, gather),
      );
    }),
  },
  {
    name: 'cleans pages without invalidating them',
    of: amd,
    caughtBy: 'dirty tracking: a page that is written again after it was cleared is dirty again',
    spoil: domains(({ dirty }) => {
      if (dirty === undefined) return;
      patch(
        dirty,
        'readAndClear',
        (original) => (hi, lo, bytes, flags, sink) => original(hi, lo, bytes, flags, sink, new IotlbGather()),
      );
    }),
  },
  {
    name: 'reads dirty pages while tracking is off',
    of: vtd,
    caughtBy:
      'dirty tracking: while tracking is off dirty pages are not read (EINVAL), and it can be switched on again',
    spoil: domains(({ dirty }) => {
      if (dirty === undefined) return;
      patch(
        dirty,
        'readAndClear',
        (original) =>
          (...call) =>
            original(...call) === Errno.EINVAL ? 0 : 0,
      );
    }),
  },
  {
    name: 'writes tables that depend on how often it was used before',
    of: vtd,
    caughtBy: 'release: the same calls give the same tables, structures and counters, bit by bit',
    spoil: (() => {
      let uses = 0;
      return domains((_domain, { memory, tableFrames }) => {
        const last = frameAddress(tableFrames.firstFrame + 1023);
        memory.write(last, Uint8Array.of(uses++ & 0xff));
      });
    })(),
  },
];
