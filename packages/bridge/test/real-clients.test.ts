import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { compile, has, machineWithEdu, missing, run } from './native.js';

const QEMU = 'qemu-system-x86_64';
const dpdk = spawnSync('pkg-config', ['--cflags', '--libs', 'libdpdk'], { encoding: 'utf8' });

/** Accesses of a guest: configuration of the device at slot 2, then a page from guest memory into the device and back. */
const GUEST = `outl 0xcf8 0x80001010
outl 0xcfc 0xfea00000
outl 0xcf8 0x80001004
outl 0xcfc 0x6
writeq 0x100000 0x1122334455667788
readl 0xfea00000
writeq 0xfea00080 0x100000
writeq 0xfea00088 0x40000
writeq 0xfea00090 0x1000
writeq 0xfea00098 0x1
writeq 0xfea00080 0x40000
writeq 0xfea00088 0x101000
writeq 0xfea00098 0x3
readq 0x101000
`;

describe.skipIf(missing !== undefined)('programs that others wrote', () => {
  it.skipIf(!has(QEMU))('QEMU hands the device on to a guest', async () => {
    const machine = machineWithEdu('type1');
    const device = 'vfio-pci,host=0000:00:01.0,addr=2';
    const quiet = ['-nodefaults', '-display', 'none', '-S', '-qtest', 'stdio'];
    const ran = await run(machine, QEMU, ['-M', 'pc', '-m', '2', ...quiet, '-device', device], {
      started: (child) => {
        let answers = 0;
        child.stdin?.write(GUEST);
        child.stdout?.on('data', (bytes: Uint8Array) => {
          answers += String(bytes).split('OK').length - 1;
          if (answers === GUEST.trim().split('\n').length) child.kill();
        });
      },
    });
    const values = ran.out.split('\n').filter((line) => line.startsWith('OK 0x'));
    expect(values, ran.err).toEqual(['OK 0x00000000010000ed', 'OK 0x1122334455667788']);
    expect(machine.close()).toMatchObject({ pins: 0, userFrames: 0, lockedPages: 0, objects: [] });
  });

  it.skipIf(dpdk.status !== 0)('DPDK finds the device, maps its memory and lets it go', async () => {
    const machine = machineWithEdu();
    const program = compile('dpdk-eal', undefined, dpdk.stdout.trim().split(/\s+/));
    const folder = mkdtempSync(`${tmpdir()}/ioasis-test-`);
    const ran = await run(machine, program, ['-a', '0000:00:01.0', '--no-huge', '-m', '4', '-l', '0'], {
      env: { ...process.env, XDG_RUNTIME_DIR: folder },
    });
    expect(ran).toMatchObject({ status: 0, out: expect.stringMatching(/^9 regions, 4096 bytes by DMA with DPDK$/m) });
    expect(machine.close()).toMatchObject({ pins: 0, userFrames: 0, objects: [] });
  });
});

if (!has(QEMU)) console.warn(`skipped: no ${QEMU}`);
if (dpdk.status !== 0) console.warn('skipped: no libdpdk for pkg-config');
