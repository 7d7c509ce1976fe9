import { hex, type TranslationWalk } from '@ioasis/core';
import { outermost } from '../log/index.js';
import { callText, dmaText, rangeText, requesterText, tagsText } from '../log/words.js';
import type { Mismatch } from './coverage.js';
import type {
  DirtyFinding,
  Finding,
  JudgedInvalidation,
  LeakFinding,
  LintFinding,
  StaleCause,
  StaleFinding,
  UseAfterUnmapFinding,
} from './finding.js';

const CAUSES: Readonly<Record<StaleCause, string>> = {
  missing: 'no invalidation since then names the entry',
  'before-write': 'the invalidation came before the tables were written: the entry may have been filled in between',
  late: 'the invalidation was carried out after the driver had gone on: nothing waited for it',
  'other-cache': 'the invalidation names other caches than the one that has the entry',
  'other-tag': 'the invalidation names another tag than the entry has',
  'other-range': 'the invalidation names other addresses than the entry has',
  'reused-tag':
    'the entry was filled from other tables that had the same tags, and was not invalidated before they were given away',
  unknown: 'the unit told nobody of an entry with this answer',
  pending: 'the driver is not done and may still invalidate it',
};

/** Invalidations that are shown, the newest ones. */
const SHOWN = 8;

/** A finding for a person: one line that says what happened, and below it the evidence. */
export function findingText(finding: Finding): string {
  switch (finding.checker) {
    case 'stale-translation':
      return staleText(finding);
    case 'use-after-unmap':
      return useAfterUnmapText(finding);
    case 'dirty-oracle':
      return dirtyText(finding);
    case 'table-lint':
      return lintText(finding);
    case 'leaks':
      return leakText(finding);
  }
}

const lines = (...all: (string | undefined | false)[]): string =>
  all.filter((line) => typeof line === 'string').join('\n');

function answerText(walk: TranslationWalk): string {
  return walk.pa === undefined ? `a fault, ${walk.fault?.name ?? 'unknown'}` : hex(walk.pa);
}

function staleText({ severity, cause, entry, write, invalidations, uses, now, others }: StaleFinding): string {
  const [use] = uses;
  const call = outermost(write?.event.during);
  const headline =
    use === undefined
      ? `stale translation, left behind: ${entry?.fill.cache} still has what the tables no longer say`
      : `stale translation, ${severity === 'window' ? 'used before the driver was done' : 'used'} at step ${use.step}: ${dmaText(use)}; the tables give ${answerText(now)}`;
  return lines(
    headline,
    entry &&
      `  entry   ${entry.fill.cache} ${tagsText(entry.fill.tags)} ${rangeText(entry.fill.range)}${entry.fill.pa === undefined ? '' : ` -> ${hex(entry.fill.pa)}`}`,
    entry && `  filled  step ${entry.filledAt} for ${dmaText(entry.filledBy)}`,
    write &&
      `  written step ${write.event.step}: ${write.what} at ${hex(write.word.address)}, ${hex(write.word.before)} -> ${hex(write.word.after)}`,
    call && `          in ${callText(call)}`,
    `  cause   ${cause}: ${CAUSES[cause]}`,
    ...invalidations.slice(-SHOWN).map((judged) => `          ${judgedText(judged, write?.event.step)}`),
    uses.length > 1 && `  used    ${uses.length} times`,
    others > 0 && `  and     ${others} more ${others === 1 ? 'entry' : 'entries'} of the same kind`,
  );
}

function judgedText({ event, mismatches }: JudgedInvalidation, writtenAt: number | undefined): string {
  const { command, caches, tags, range } = event.invalidation;
  const asked = [command, caches.join('+'), tagsText(tags), rangeText(range)].filter((part) => part !== '').join(' ');
  const early = writtenAt !== undefined && event.step < writtenAt ? ['came before the write'] : [];
  const reasons = [...early, ...mismatches.map(mismatchText)];
  return `step ${event.step} ${asked}: ${reasons.length === 0 ? 'came after the driver was done' : reasons.join('; ')}`;
}

function mismatchText(mismatch: Mismatch): string {
  switch (mismatch.what) {
    case 'cache':
      return `not for ${mismatch.entry}`;
    case 'tag':
      return `${mismatch.tag} ${mismatch.asked} is not ${mismatch.entry}`;
    case 'range':
      return `${rangeText(mismatch.asked)} has nothing of ${rangeText(mismatch.entry)}`;
  }
}

function useAfterUnmapText({ dma, unmap, call, map, more }: UseAfterUnmapFinding): string {
  return lines(
    `use after unmap at step ${dma.step}: ${dmaText(dma)}`,
    `  unmapped step ${unmap.step}: ${rangeText(unmap.range)} of domain ${unmap.domain}, ${dma.step - unmap.step} steps before`,
    call && `           by ${callText(call)}`,
    map && `  mapped   step ${map.step}: ${rangeText(map.range)} -> ${hex(map.pa)}`,
    map && outermost(map.during) && `           by ${callText(outermost(map.during)!)}`,
    more > 0 && `  and      ${more} more accesses by ${requesterText(dma.requesterId, dma.pasid)}`,
  );
}

function dirtyText({ problem, domain, range, step, dma, call }: DirtyFinding): string {
  const what = problem === 'lost' ? 'was written and is not reported' : 'is reported and was not written';
  return lines(
    `dirty page ${problem} at step ${step}: ${rangeText(range)} of domain ${domain} ${what}`,
    dma && `  written  step ${dma.step}: ${dmaText(dma)}`,
    call && `  reported ${callText(call)}`,
  );
}

function lintText({ problem, detail, entry, walk, step, call }: LintFinding): string {
  return lines(
    `table lint, ${problem} at step ${step}: ${detail}`,
    entry &&
      `  entry  ${entry.fill.cache} ${tagsText(entry.fill.tags)} ${rangeText(entry.fill.range)}, filled at step ${entry.filledAt}`,
    ...(walk?.steps ?? []).map(
      ({ what, address, words }) => `  walk   ${what} at ${hex(address)}: ${words.map(hex).join(' ')}`,
    ),
    call && `  in     ${callText(call)}`,
  );
}

function leakText({ held, count, name, calls }: LeakFinding): string {
  return lines(
    `leak: ${name ?? `${count} ${held.replace('-', ' ')}`} held after all programs ended`,
    ...calls.map((call) => `  by ${callText(call)}`),
  );
}
