import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VTD_WHEN } from '../../src/decode/vtd-reasons.js';

it('says when each reason is given in the words of docs/vtd-faults.md', () => {
  const text = readFileSync(new URL('../../../../docs/vtd-faults.md', import.meta.url), 'utf8');
  const rows = text.matchAll(/^\| 0x[0-9a-f]+ \| `(\w+)` \|.* \| ([^|]+) \|$/gm);
  expect(Object.fromEntries([...rows].map(([, name, when]) => [name, when]))).toEqual(VTD_WHEN);
});
