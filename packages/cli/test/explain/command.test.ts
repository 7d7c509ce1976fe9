import { fileURLToPath } from 'node:url';
import { refusalCatalogue, type CatalogueEntry } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { ioasis } from '../captured.js';

const DOCUMENT = fileURLToPath(new URL('../../../../docs/refusals.md', import.meta.url));

const INTRODUCTION = `# Refusal codes

Every refusal has an errno, as the kernel answers it, and a code that says which rule was broken. Programs see the errno; tests and reports see
the code. \`ioasis explain CODE\` prints a row, \`ioasis explain EINVAL IOMMU_IOAS_MAP\` all meanings of an errno in one call. "Row" is a row of
[the table of differences](vfio-differences.md) between the two containers.
`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function rowOf({ code, errno, rule, hint, ioctls, source, rows }: CatalogueEntry): string {
  const row = rows.length === 0 ? '' : ` (row ${rows.join(', ')})`;
  const wayOut = hint === undefined ? '' : `; *${hint}*`;
  return `| \`${code}\` | ${errno} | ${cell(`${rule}${wayOut}${row}`)} | ${cell(ioctls.join(', '))} | ${cell(source)} |`;
}

describe('ioasis explain', () => {
  it('explains a code', async () => {
    const { status, out } = await ioasis('explain', 'TYPE1_MAP_NO_ACCESS');
    expect(status).toBe(0);
    expect(out).toContain('TYPE1_MAP_NO_ACCESS (EINVAL): a mapping must allow reading or writing\n');
    expect(out).toContain('\n  from     VFIO_IOMMU_MAP_DMA\n');
    expect(out).toContain('\n  differs  type1 against iommufd, row 17 of docs/vfio-differences.md\n');
  });

  it('lists the meanings of an errno in one call, by the short name of the call too', async () => {
    const { out } = await ioasis('explain', 'einval', 'ioas_map');
    const meanings = out.split('\n\n');
    expect(meanings.length).toBeGreaterThan(11);
    expect(out).toContain('IOCTL_TOO_SMALL (EINVAL)');
    expect(meanings[0]).toContain('IOMMU_IOAS_MAP');
    for (const meaning of meanings) expect(meaning).toMatch(/^[A-Z0-9_]+ \(EINVAL\): /);
    expect(await ioasis('explain', 'EINVAL', 'IOMMU_IOAS_MAP')).toMatchObject({ out });
  });

  it('answers programs', async () => {
    const { out } = await ioasis('explain', 'TYPE1_MAP_NO_ACCESS', '--json');
    expect(JSON.parse(out)).toMatchObject([{ code: 'TYPE1_MAP_NO_ACCESS', errno: 'EINVAL', rows: ['17'] }]);
  });

  it('suggests what may be meant', async () => {
    expect(await ioasis('explain', 'TYPE1_MAP_NO_ACESS')).toMatchObject({
      status: 2,
      err: expect.stringContaining('did you mean TYPE1_MAP_NO_ACCESS') as string,
    });
    expect(await ioasis('explain', 'TYPE1_MAP_NO_ACCESS', 'VFIO_IOMMU_UNMAP_DMA')).toMatchObject({
      status: 2,
      err: 'ioasis: VFIO_IOMMU_UNMAP_DMA does not answer TYPE1_MAP_NO_ACCESS; VFIO_IOMMU_MAP_DMA can\n',
    });
  });
});

it('the document shows the catalogue', async () => {
  const catalogue = refusalCatalogue();
  const rooms = [...new Set(catalogue.map(({ room }) => room))];
  const sections = rooms.map((room) => {
    const rows = catalogue.filter((entry) => entry.room === room).map(rowOf);
    return `\n## ${room}\n\n| code | errno | rule | where | source |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  await expect(`${INTRODUCTION}${sections.join('')}`).toMatchFileSnapshot(DOCUMENT);
});
