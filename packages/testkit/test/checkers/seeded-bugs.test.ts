import { describe, expect, it } from 'vitest';
import { findingText, type StaleFinding } from '../../src/index.js';
import { backends, type Vendor } from './machines.js';
import { FaultyMachine } from './faulty-machine.js';
import { seededBugs } from './seeded-bugs.js';

const cases = seededBugs.flatMap((bug) =>
  bug.vendors.map((vendor) => {
    const cause = typeof bug.cause === 'string' ? bug.cause : bug.cause[vendor];
    return { ...bug, vendor, cause };
  }),
);

/** Runs a case and gives back what was found. */
function found(vendor: Vendor, bug: (typeof cases)[number]): readonly StaleFinding[] {
  const rig = new FaultyMachine(vendor, bug.backends?.[vendor] ?? backends[vendor](bug.stepped));
  bug.run(rig);
  return rig.check.findings.filter((finding) => finding.checker === 'stale-translation');
}

describe('a seeded bug is found, used, with its cause', () => {
  it.each(cases)('$name: $vendor', (bug) => {
    const findings = found(bug.vendor, bug);
    const text = findings.map(findingText).join('\n\n');
    const named = findings.filter(({ cause, entry }) => cause === bug.cause && entry?.fill.cache === bug.cache);
    expect(named.some(({ severity }) => severity === 'used') ? 'used' : text).toBe('used');
    expect(text).toMatch(bug.says);
    expect(named.flatMap(({ uses }) => uses).every(({ requesterId }) => requesterId === 8)).toBe(true);
  });
});
