import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { differenceTable, type DifferenceRow } from '../../src/index.js';

const DOCUMENT = fileURLToPath(new URL('../../../../docs/vfio-differences.md', import.meta.url));

const INTRODUCTION = `# Two containers: where vfio_iommu_type1 and iommufd differ

\`/dev/vfio/vfio\` is served by the classic container (\`vfio({ personality: 'type1' })\`) or by iommufd's compatibility calls
(\`vfio({ personality: 'iommufd' })\`, the default). This is every respect in which Linux 6.12 makes a program see the difference. Each row is a
test with both columns in \`packages/compat-vfio/test/differences\`.

## What to expect of partial unmaps

With one mapping of five pages, a gap, and one mapping of one page:

- a range that covers mappings as a whole, also several, and more than they: both unmap them and give the bytes that were mapped, not the bytes
  that were asked for;
- a range that cuts a mapping, TYPE1v2: type1 says EINVAL, unmaps nothing and leaves the size as it was; iommufd says ENOENT, has unmapped the
  whole mappings in front of the cut one and gives their bytes (rows 22 and 26);
- the same, TYPE1: on type1 a range that begins inside a mapping succeeds and unmaps nothing (row 23), and the head of a mapping takes the whole
  mapping with it (row 24); iommufd unmaps exactly the range, which is why all its page tables have small pages then (row 25);
- nothing mapped: both succeed with size 0. Kernels before the fix that 6.12 carries say ENOENT on iommufd.
`;

const lines = ({ id, topic, type1, iommufd }: DifferenceRow): string =>
  `## ${id}: ${topic}\n\n- type1: ${type1}\n- iommufd: ${iommufd}\n`;

it('the document shows the table', async () => {
  const text = [INTRODUCTION, ...differenceTable.map(lines)].join('\n');
  await expect(text).toMatchFileSnapshot(DOCUMENT);
});

it('every row of the table is a test with both columns', () => {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const tests = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
  const text = tests.map((name) => readFileSync(`${folder}${name}`, 'utf8')).join('\n');
  const tested = [...text.matchAll(/^row\(\s*'(\d+b?)'/gm)].map(([, id]) => id);
  expect(new Set(tested)).toEqual(new Set(differenceTable.map(({ id }) => id)));
});
