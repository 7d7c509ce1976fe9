import type { Refusal } from '../errno/index.js';
import type { FailureSource } from '../memory/index.js';
import { AccessRange, HeldPages } from './held-pages.js';
import { pinRefusal } from './page-reader.js';
import type { Pages } from './pages.js';
import { refusals } from './refusals.js';
import { frameInDomain } from './run-batch.js';

/**
 * Holds pages `[first, last]` for an access and writes their frames to `out` from `at` on. On refusal nothing has changed.
 */
export function holdPages(
  pages: Pages,
  first: number,
  last: number,
  out: Float64Array,
  at: number,
  failure: FailureSource | null,
): Refusal | null {
  const held = (pages.held ??= new HeldPages());
  const known = held.accesses.exact(first, last);
  if (known !== null) {
    known.users++;
    for (let index = first; index <= last; index++) out[at + index - first] = held.frames.get(index)!;
    return null;
  }
  if (failure !== null && failure.fails('allocate')) return refusals.refusal('IOPT_OUT_OF_MEMORY', { what: 'access' });
  const refusal = collect(pages, held, first, last, out, at, failure);
  if (refusal !== null) return refusal;
  held.accesses.insert(new AccessRange(first, last));
  return null;
}

/** Gives back one hold of exactly `[first, last]`; pages that nothing else holds are unpinned. */
export function releasePages(pages: Pages, first: number, last: number): void {
  const range = pages.held?.accesses.exact(first, last) ?? null;
  if (range === null) throw new Error(`pages ${first} to ${last} are not held by an access`);
  if (--range.users > 0) return;
  pages.held!.accesses.remove(range);
  forget(pages, first, last);
}

function collect(
  pages: Pages,
  held: HeldPages,
  first: number,
  last: number,
  out: Float64Array,
  at: number,
  failure: FailureSource | null,
): Refusal | null {
  let index = first;
  let refusal: Refusal | null = null;
  while (index <= last && refusal === null) {
    const tier = pages.locate(index, last);
    const end = pages.runLast;
    const place = at + index - first;
    if (tier === 'access') {
      for (let i = index; i <= end; i++) out[place + i - index] = held.frames.get(i)!;
      index = end + 1;
      continue;
    }
    if (tier === 'domain') {
      const area = pages.runArea!;
      for (let i = index; i <= end; i++) out[place + i - index] = frameInDomain(area.storage!, area, i);
    } else {
      refusal = pinAll(pages, index, end, out, place);
      if (refusal !== null) break;
    }
    if (failure !== null && failure.fails('allocate')) {
      if (tier === 'origin') unpin(pages, out, place, end - index + 1);
      refusal = refusals.refusal('IOPT_OUT_OF_MEMORY', { what: 'frames of an access' });
      break;
    }
    for (let i = index; i <= end; i++) held.frames.set(i, out[place + i - index]!);
    index = end + 1;
  }
  if (refusal === null && pages.pinned > pages.charged && failure !== null && failure.fails('allocate')) {
    refusal = refusals.refusal('IOPT_OUT_OF_MEMORY', { what: 'charge' });
  }
  refusal ??= pages.settle();
  if (refusal !== null && index > first) forget(pages, first, index - 1);
  return refusal;
}

function pinAll(pages: Pages, first: number, last: number, out: Float64Array, at: number): Refusal | null {
  const { addressSpace } = pages.process;
  let index = first;
  while (index <= last) {
    const place = at + index - first;
    const pinned = addressSpace.pinPages(pages.firstPage + index, last - index + 1, pages.writable, out, place);
    if (pinned === 0) {
      unpin(pages, out, at, index - first);
      return pinRefusal(pages, index, last - index + 1);
    }
    pages.pinned += pinned;
    index += pinned;
  }
  return null;
}

function unpin(pages: Pages, frames: Float64Array, at: number, count: number): void {
  if (count === 0) return;
  pages.process.addressSpace.unpinPages(frames, at, count);
  pages.pinned -= count;
}

/** Drops the kept frames of `[first, last]` except where another access covers them; unpins those that no domain holds. */
function forget(pages: Pages, first: number, last: number): void {
  const { frames } = pages.held!;
  const one = new Float64Array(1);
  let index = first;
  while (index <= last) {
    const tier = pages.locate(index, last);
    const end = pages.runLast;
    if (tier !== 'access') {
      for (let i = index; i <= end; i++) {
        one[0] = frames.get(i)!;
        frames.delete(i);
        if (tier === 'origin') unpin(pages, one, 0, 1);
      }
    }
    index = end + 1;
  }
  pages.settle();
}
