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
    expect(meanings.length).toBeGreaterThan(8);
    expect(out).toContain('IOCTL_TOO_SMALL (EINVAL)');
    expect(meanings[0]).toContain('IOMMU_IOAS_MAP');
    for (const meaning of meanings) expect(meaning).toMatch(/^[A-Z0-9_]+ \(EINVAL\): /);
    expect(await ioasis('explain', 'EINVAL', 'IOMMU_IOAS_MAP')).toMatchObject({ out });
  });

  it('names no rule of another call', async () => {
    const codes = async (...args: string[]): Promise<string[]> => {
      const { out } = await ioasis('explain', ...args, '--json');
      return (JSON.parse(out) as CatalogueEntry[]).map(({ code }) => code);
    };
    expect(await codes('EINVAL', 'IOMMU_IOAS_MAP')).toEqual([
      'MAP_LENGTH_ZERO',
      'MAP_LENGTH_TOO_LARGE',
      'MAP_LENGTH_UNALIGNED',
      'MAP_IOVA_UNALIGNED',
      'MAP_IOVA_RESERVED',
      'MAP_USER_ADDRESS_UNALIGNED',
      'AUTO_ALIGNMENT_TOO_SMALL',
      'MAP_NO_PERMISSION',
      'IOCTL_TOO_SMALL',
    ]);
    expect(await codes('EBADF', 'IOMMU_IOAS_MAP')).toEqual(['FD_CLOSED']);
    expect(await codes('EINVAL', 'VFIO_DEVICE_RESET')).toEqual(['DEVICE_NO_RESET', 'VFIO_ARGSZ', 'DEVICE_NOT_OPEN']);
    expect(await codes('EINVAL', 'read')).toEqual([
      'FILE_NO_READ',
      'FAULT_READ_TOO_SHORT',
      'DEVICE_NOT_OPEN',
      'DEVICE_REGION_OFFSET',
      'EVENTFD_LENGTH',
    ]);
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
    expect(await ioasis('explain', 'EINVAL', 'IOAS_MAPP')).toMatchObject({
      status: 2,
      err: expect.stringMatching(
        /^ioasis: there is no call IOAS_MAPP that is refused; did you mean IOAS_MAP, /,
      ) as string,
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
