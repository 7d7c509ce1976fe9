import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/index.js';
import { capture, ioasis, type CapturedRun } from '../captured.js';

/** Where the allocator put tables and how many commands the driver needed is none of the demo's business. */
const settled = (text: string): string =>
  text.replace(/0x[0-9a-f]*1[0-9a-f]{8}\b/g, (word) => 'P'.repeat(word.length)).replace(/ {2,}\d+$/gm, ' N');

describe('ioasis demo', () => {
  let demo: CapturedRun;
  beforeAll(async () => {
    demo = await ioasis('demo');
  });

  it('tells the main job from opening the container to a replayed recording', async () => {
    expect(demo).toMatchObject({ status: 0, err: '' });
    await expect(settled(demo.out)).toMatchFileSnapshot('golden/demo.txt');
  });

  it('shows a fault in the words of Linux', () => {
    expect(demo.out.replaceAll(/\n +\[/g, ' [')).toContain(
      'DMAR: [DMA Read NO_PASID] Request device [00:01.0] fault addr 0x100000 [fault reason 0x06] PTE Read access is not set\n',
    );
  });

  it('counts an answer of the IOTLB, walks and invalidations', () => {
    const count = (name: string): number => Number(new RegExp(`${name} +(\\d+)$`, 'm').exec(demo.out)?.[1]);
    expect(count('requests translated')).toBe(4);
    expect(count('found in the IOTLB')).toBe(1);
    expect(count('faults')).toBe(1);
    expect(count('invalidation descriptors executed')).toBeGreaterThan(0);
    expect(count('cache entries they dropped')).toBeGreaterThan(0);
  });

  it('fits 80 columns and is plain when nobody looks', () => {
    expect(Math.max(...demo.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(demo.out).not.toContain('\u001b');
  });

  it('tells programs the same story', async () => {
    const { status, out } = await ioasis('demo', '--json');
    const { chapters, ...rest } = JSON.parse(out) as {
      chapters: { title: string; lines: ({ call: string; result: string } | { text: string })[] }[];
    };
    expect(status).toBe(0);
    expect(rest).toMatchObject({ backend: 'intel-vtd', agree: true, recording: { machine: 'q35+vtd', scenarios: 9 } });
    const said = chapters.flatMap(({ title, lines }) => [
      title,
      ...lines.flatMap((line) => ('call' in line ? [line.call, `= ${line.result}`] : [line.text])),
    ]);
    const squeezed = (text: string): string => text.replaceAll(/\s+/g, '');
    for (const text of said) expect(squeezed(demo.out)).toContain(squeezed(text));
  });

  it('says the same in colour', async () => {
    const terminal = capture(true);
    await runProgram(['demo'], terminal);
    expect(terminal.printed.out).toContain('\u001b[');
    expect(stripVTControlCharacters(terminal.printed.out)).toBe(demo.out);
  });

  it.each([
    ['arm-smmuv3', 'an Arm SMMUv3', 'stage 1 level 3', 'arm-smmu-v3: event 0x10 received:'],
    ['amd-vi', 'AMD-Vi', 'host PTE level 1', 'AMD-Vi: Event logged [IO_PAGE_FAULT device='],
  ])('tells it of %s too', async (id, title, entry, line) => {
    const { status, out } = await ioasis('demo', '--backend', id);
    expect(status).toBe(0);
    expect(out).toContain(`ioasis: a device behind ${title}, driven through VFIO\n`);
    expect(out).toContain(entry);
    expect(out.replaceAll(/\n +/g, ' ')).toContain(line);
    expect(out).toMatch(/ {3}All \d+ steps agree\.\n/);
    expect(Math.max(...out.split('\n').map((each) => each.length))).toBeLessThanOrEqual(80);
  });
});
