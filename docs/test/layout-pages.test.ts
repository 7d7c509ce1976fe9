import { readdirSync } from 'node:fs';
import * as intelVtd from '@ioasis/hw-intel-vtd';
import { amdViLayouts } from '@ioasis/hw-amd-vi';
import { smmuV3Layouts } from '@ioasis/hw-arm-smmuv3';
import { describe, expect, it } from 'vitest';
import { filesOf, layoutsAmong, type LayoutPage } from '../src/layout-pages.ts';

const folder = new URL('../layouts/', import.meta.url);
const pages: readonly LayoutPage[] = [
  {
    file: 'vtd',
    title: 'Layouts of VT-d',
    source: 'the VT-d specification, revision 4.1',
    layouts: layoutsAmong(intelVtd),
  },
  {
    file: 'smmuv3',
    title: 'Layouts of SMMUv3',
    source: 'the SMMUv3 architecture, IHI 0070',
    layouts: layoutsAmong(smmuV3Layouts),
  },
  {
    file: 'amdvi',
    title: 'Layouts of AMD-Vi',
    source: "AMD's IOMMU specification, 48882",
    layouts: layoutsAmong(amdViLayouts),
  },
];

describe.each(pages)('$title', (page) => {
  const files = filesOf(page);

  it.each([...files.keys()])('%s is as the code has it', async (name) => {
    await expect(files.get(name)).toMatchFileSnapshot(new URL(name, folder).pathname);
  });

  it('draws more than registers, and has no drawing of what is gone', () => {
    expect(page.layouts.length).toBeGreaterThan(20);
    const drawings = readdirSync(new URL(`${page.file}/`, folder)).map((name) => `${page.file}/${name}`);
    expect(drawings.toSorted()).toEqual([...files.keys()].filter((name) => name.endsWith('.svg')).toSorted());
  });
});
