import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { deviations } from '../../src/index.js';

describe('the known deviations of QEMU', () => {
  it('are the table of docs/qemu-campaign.md', () => {
    const text = readFileSync(new URL('../../../../docs/qemu-campaign.md', import.meta.url), 'utf8');
    const rows = text.split('\n').flatMap((line) => {
      const [, units, rule] = /^\| ([a-z0-9, ]+) \| (.+) \|$/.exec(line) ?? [];
      return units === undefined || units === 'unit' ? [] : units.split(', ').map((unit) => `${unit}: ${rule}`);
    });
    const known = Object.entries(deviations).flatMap(([unit, list]) => list.map(({ rule }) => `${unit}: ${rule}`));
    expect(rows.toSorted()).toEqual(known.toSorted());
  });
});
