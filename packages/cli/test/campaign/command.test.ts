import { expect, it } from 'vitest';
import { ioasis } from '../captured.js';

const MISSING = 'ioasis: qemu-system-aarch64 is not installed; Debian has it in qemu-system-x86 and qemu-system-arm\n';

it('plays generated scenarios on QEMU, or says in one line that it is not installed', async () => {
  const args = ['campaign', '--unit', 'smmuv3', '--count', '1', '--from', '7'] as const;
  const { status, out, err } = await ioasis(...args);
  if (status === 2) expect(err).toBe(MISSING);
  else expect(out).toMatch(/^smmuv3: 1 scenarios, \d+ answers agree, 0 differ unexplained\n/);
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    expect(await ioasis(...args)).toEqual({ status: 2, out: '', err: MISSING });
  } finally {
    process.env['PATH'] = path;
  }
});
