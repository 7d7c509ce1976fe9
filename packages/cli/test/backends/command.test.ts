import { fileURLToPath } from 'node:url';
import { renderFidelity } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { vendors } from '../../src/vendors.js';
import { ioasis } from '../captured.js';

const DOCUMENT = fileURLToPath(new URL('../../../../docs/fidelity.md', import.meta.url));

const INTRODUCTION = `# How faithful the models are

What each backend claims of the real unit, in its configuration with the most features, by levels: from what every driver needs to what only
hardware shows. \`ioasis backends --ladder\` prints the same for every preset. Where a model answers otherwise than its specification on purpose
is in the deviations of each vendor.
`;

describe('ioasis backends', () => {
  it('prints what one platform can do', async () => {
    const { status, out } = await ioasis('backends', 'intel-vtd', '--preset', 'qemu-q35-39bit');
    expect(status).toBe(0);
    expect(out.replace(/\d+ modelled, \d+ part, \d+ absent/, 'COUNTS')).toBe(`intel-vtd: Intel VT-d, 1 platform
  qemu-q35-39bit
    IOVAs         0x0 to 0x7fffffffff
    pages         4K, 2M, 1G
    capabilities  mapping alone
    reserved      0xfee00000 to 0xfeefffff (msi)
    fidelity      COUNTS
`);
  });

  it('names every vendor and every preset, and prints ladders on demand', async () => {
    const { out } = await ioasis('backends', '--ladder');
    for (const { id, presets } of vendors) {
      expect(out).toContain(`${id}: `);
      for (const preset of presets) expect(out).toContain(`\n  ${preset}\n`);
    }
    expect(out).toContain('      4  absent    Interrupt remapping and posting (');
  });

  it('answers programs', async () => {
    const { out } = await ioasis('backends', 'amd-vi', '--json');
    const [backend] = JSON.parse(out) as { id: string; platforms: { preset: string; aperture: { last: string } }[] }[];
    expect(backend?.id).toBe('amd-vi');
    expect(backend?.platforms.map(({ preset }) => preset)).toEqual(['qemu-q35-7.2', 'zen-server']);
  });

  it('complains in one line', async () => {
    expect(await ioasis('backends', 'amdvi')).toEqual({
      status: 2,
      out: '',
      err: 'ioasis: there is no backend amdvi; did you mean amd-vi?\n',
    });
    expect(await ioasis('backends', 'amd-vi', '--preset', 'zen')).toMatchObject({
      status: 2,
      err: 'ioasis: there is no preset zen; did you mean zen-server?\n',
    });
  });
});

it('the document shows the ladders', async () => {
  const ladders = vendors
    .filter(({ largest }) => largest !== undefined)
    .map((vendor) => ({
      title: `${vendor.title} (\`${vendor.id}\`, preset \`${vendor.largest}\`)`,
      features: vendor.make(vendor.largest).fidelity,
    }));
  await expect(`${INTRODUCTION}\n${renderFidelity(ladders)}`).toMatchFileSnapshot(DOCUMENT);
});
