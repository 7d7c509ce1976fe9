import fc from 'fast-check';

/** What a program does to one of two address spaces; numbers are cells, places count from the start of the window. */
export type Operation =
  | {
      readonly kind: 'map';
      readonly ioas: number;
      readonly memory: number;
      readonly cells: number;
      readonly at: number | null;
      readonly rights: number;
    }
  | {
      readonly kind: 'copy';
      readonly ioas: number;
      readonly which: number;
      readonly skip: number;
      readonly cells: number;
      readonly to: number;
      readonly at: number | null;
      readonly rights: number;
    }
  | { readonly kind: 'unmap'; readonly ioas: number; readonly at: number; readonly cells: number }
  | { readonly kind: 'unmap-area'; readonly ioas: number; readonly which: number }
  | { readonly kind: 'unmap-all'; readonly ioas: number }
  | { readonly kind: 'allow'; readonly ioas: number; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: 'attach'; readonly slot: number; readonly ioas: number; readonly own: boolean }
  | { readonly kind: 'detach'; readonly slot: number }
  | { readonly kind: 'read'; readonly ioas: number; readonly at: number; readonly cells: number }
  | { readonly kind: 'pin'; readonly ioas: number; readonly at: number }
  | { readonly kind: 'unpin'; readonly ioas: number };

/** Cells of the IOVA window in which fixed mappings go, and of the program's memory. */
export const WINDOW_CELLS = 192;
export const MEMORY_CELLS = 256;

const ioas = fc.nat({ max: 1 });
/** Mostly whole pages, some halves of pages, some odd cells. */
const aligned = (max: number): fc.Arbitrary<number> =>
  fc.tuple(fc.nat({ max: max - 1 }), fc.constantFrom(8, 8, 8, 8, 4, 1)).map(([cell, step]) => cell - (cell % step));
const lengths = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom(8, 8, 8, 4, 1))
  .map(([cells, step]) => Math.max(step, cells - (cells % step)));
const place = aligned(WINDOW_CELLS);
const maybePlace = fc.option(place, { freq: 4 });
/** 2 = write, 4 = read: the flags of IOAS_MAP. */
const rights = fc.constantFrom(6, 6, 6, 4, 2);
const kind = <Name extends string>(name: Name): fc.Arbitrary<Name> => fc.constant(name);

const ranges = fc
  .uniqueArray(fc.nat({ max: WINDOW_CELLS }), { maxLength: 4 })
  .map((ends) => ends.toSorted((a, b) => a - b))
  .map((ends) =>
    Array.from({ length: Math.floor(ends.length / 2) }, (_, at) => [ends[2 * at]!, ends[2 * at + 1]! - 1] as const),
  )
  .map((pairs) => pairs.filter(([low, high]) => low <= high));

const weighted: readonly { readonly weight: number; readonly arbitrary: fc.Arbitrary<Operation> }[] = [
  {
    weight: 7,
    arbitrary: fc.record({
      kind: kind('map'),
      ioas,
      memory: aligned(MEMORY_CELLS - 48),
      cells: lengths,
      at: maybePlace,
      rights,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('copy'),
      ioas,
      which: fc.nat({ max: 20 }),
      skip: fc.constantFrom(0, 0, 0, 8, 4, 1),
      cells: lengths,
      to: ioas,
      at: maybePlace,
      rights,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('unmap'), ioas, at: place, cells: lengths }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('unmap-area'), ioas, which: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('unmap-all'), ioas }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('allow'), ioas, ranges }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('attach'), slot: fc.nat({ max: 2 }), ioas, own: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('detach'), slot: fc.nat({ max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('read'), ioas, at: place, cells: lengths }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('pin'), ioas, at: place }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('unpin'), ioas }) },
];

/** Sequences of operations. */
export const operations: fc.Arbitrary<readonly Operation[]> = fc.array(fc.oneof(...weighted), {
  minLength: 5,
  maxLength: 40,
  size: 'max',
});
