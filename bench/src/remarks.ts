import { table } from './markdown.js';

/*
 * What a run cannot say: why goals are missed where they are, and what was tried. Written and measured by hand; document.ts puts it beside the
 * figures of a run.
 */

/** Why a goal is missed, by its id. Shown only while a unit misses it. */
export const REASONS: Readonly<Record<string, string>> = {
  P6:
    'A hit is some 90 instructions, a third of them the loop of the bench and its test of three classes of units; values lie within the noise of ' +
    'the comparator (1.6 to 1.75 ns) on either side of the goal.',
  P2:
    'A map reads three links and a leaf and writes two words; each of the six is a bounds check in V8, and each 64-bit entry two words. The ' +
    'driver reads all links again at each call, as Linux does: to remember the last table would save two of three reads, and would not ' +
    'see what others write into the tables. With 64 KiB pages the call itself is not inlined, because both ways together exceed what V8 inlines.',
  P3: 'As P2: three links, a leaf, two words written.',
  P5:
    'A walk is some 150 instructions, five of them in a cycle of the processor, against 30 in C: eight bounds checks with sign extension, the ' +
    'lengths of two views, five results. It must read every link from memory, because drivers write there without telling the unit. With ' +
    '64 KiB pages, as P2.',
  P7:
    'With everything in the first cache of the processor a miss takes 34 ns, some 450 instructions; the leaf tables add 10 ns and the memory of ' +
    "the IOTLB 6. Left out one at a time: the entry's write 20 ns (11 in the first cache), the look-up that finds nothing 3, the paging-structure cache 1, " +
    'the counters 1 to 2. What remains is spread evenly over passing and checking arguments, class and bounds checks. The comparator has one tag to ' +
    'compare, no rights, no tags of domain and process, no counters and no invalidation to be prepared for; the goal would need half the ' +
    'instructions. A miss on pages of 64 KiB goes the way of the unit itself, which also reports, watches and explains.',
  P12: 'Two GiB of tables leave every cache of the processor: the run shares its memory with the neighbours of the machine.',
  P14: 'Two words an entry are loaded and tested and one written; formats whose dirty state is in low words alone take 1.5 ns.',
};

const KEPT = ['kept', 'before', 'after'] as const;
const DROPPED = ['dropped', 'instead of', 'ns'] as const;

/** Sections of docs/performance.md. */
export const TRIED: readonly string[] = [
  '## What was tried on the tables',
  '',
  'ns a page, walk or entry, the lowest of many runs interleaved in one process or of whole runs of the bench in the same minutes.',
  '',
  ...table(KEPT, [
    [
      'walk: read all entries first, compare them together, through a DataView (V8 adds up where a typed array lies at each access)',
      '12.0',
      '11.5',
    ],
    ['walk to 2 MiB: from the entry that the failed walk to 4 KiB has read', '23.0', '18.2'],
    [
      'walk, 64K: a short way with the places of indices in fields, then with constants in a function that is called',
      '54 to 62, 17',
      '17, 14',
    ],
    ['map and unmap a page, 64K: the same', '130 to 340, 16', '16, 10'],
    [
      'map and unmap a page, 4K: one comparison of all links; page size by `<<`, as V8 keeps the result of `**` a double',
      '8.4, 7.1 to 8.2',
      '7.9, 6.9',
    ],
    [
      'map a page: the short way is told of a new root instead of asking after each general call, which V8 had inlined',
      '12.0',
      '8.8',
    ],
    ['fill: 16 entries a turn; a new table that is filled whole is neither zeroed nor linked before', '0.92', '0.68'],
    [
      'fill of 1 TiB: the same, and the low word by a product instead of a remainder of doubles',
      '1.2 to 1.9',
      '0.7 to 0.8',
    ],
    [
      'dirty read and clear: without high words where they do not matter; Arm: presence within the mask',
      '1.93',
      '1.45, 1.87',
    ],
  ]),
  '',
  ...table(DROPPED, [
    ['walk: compare together, but through the typed array', '12.0', '13.0'],
    ['walk: offsets made unsigned by `>>> 0`: V8 tests the sign instead of extending it', '11.5', '11.6'],
    ['walk: no words of the entry kept, or the high words of links not read', '15.0', '14.8, 14.1'],
    ['walk, 64K: results in six fields', '14.0', '14.4'],
    ['map a page: tables read through the typed array', '7.9', '9.3'],
    ['map a page: words written through a DataView, at which V8 forgets what it has checked', '7.9', '8.4'],
    ['fill of 1 TiB: 32 entries a turn; eight sums', '0.84', '1.04, 0.86'],
    ['dirty read and clear: through a DataView; two, four entries at once', '1.95', '2.05, 2.15, 2.04'],
  ]),
  '',
  '## What was tried on the units',
  '',
  'ns a translation, as above.',
  '',
  ...table(KEPT, [
    ['hit: a micro-TLB in front of the IOTLB of all vendors, an object an answer', '19', '8.1'],
    ['hit: its entries in a field of the front; hits counted once; page size and rights in one word', '8.1', '7.2'],
    ['hit, 64K: slots of the micro-TLB by a product that folds the page number', '47', '7.3'],
    ['miss: the ways of a set side by side, an entry replaced in its way', '102', '88'],
    ['miss: where the lowest table is, kept in front of the paging-structure cache', '88', '66'],
    ['miss: a look-up that fails first, for 4 KiB pages; the entry written in one function', '66', '60'],
    [
      "miss: hits and larger sizes in functions of their own, so that the rest fits V8's room; rare cases leave instead of rejoining",
      '60',
      '54',
    ],
    ['miss: marks of four ways in one word', '56', '52'],
  ]),
  '',
  ...table(DROPPED, [
    ['miss: everything behind the walk in a function of its own', '53', '59'],
    ['miss: entries aligned to lines of memory', '51', '53'],
    ['miss: a page goes to the micro-TLB at its second hit only', '52', '51 to 54'],
    ["miss: all inlined (V8's limits at 2500 and 1500 bytes by flags)", '59', '49 to 57, and hits 9 to 13'],
  ]),
  '',
  'V8 inlines functions of up to 460 bytes of bytecode, 920 in all; the straight way of a walk has 445. With 468 a walk took 16 ns. Without units in the process the walk, map and',
  'unmap of 4K are fast together in some processes (11.8, 7.8, 6.8 ns) and slow in others (15.3, 11.7, 9.8), with machine code of the same size; why is not known.',
];
