import { Buffer } from 'node:buffer';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const EDU = ['-device', 'edu'];

/** QEMU's IOMMU and device, by the name in a trace's header. */
export const MACHINES = {
  none: [],
  'q35+vtd': ['-device', 'intel-iommu,intremap=on,caching-mode=on', ...EDU],
  'q35+vtd48': ['-device', 'intel-iommu,intremap=on,caching-mode=on,aw-bits=48', ...EDU],
  'q35+vtd-sm': ['-device', 'intel-iommu,intremap=on,caching-mode=on,aw-bits=48,x-scalable-mode=on', ...EDU],
  'q35+amd': ['-device', 'amd-iommu,intremap=on', ...EDU],
};

const QEMU = 'qemu-system-x86_64';
const BOARD = ['-machine', 'q35,kernel-irqchip=split', '-cpu', 'max', '-accel', 'tcg', '-smp', '1', '-m', '2048'];
const BARE = ['-nodefaults', '-display', 'none', '-no-reboot'];
const COMMAND_LINE = 'console=ttyS0 panic=-1 no_timer_check hugepages=64';

/**
 * Boots a kernel with recorder.c as its only program.
 * @returns {Promise<string>} what came out of the serial line
 */
export async function boot({ kernel, machine, script, seconds }) {
  const folder = mkdtempSync(join(tmpdir(), 'record-'));
  try {
    const init = join(folder, 'init');
    const source = fileURLToPath(new URL('recorder.c', import.meta.url));
    const compiled = spawnSync('cc', ['-O2', '-Wall', '-static', '-o', init, source], { encoding: 'utf8' });
    if (compiled.status !== 0) throw new Error(`cc: ${compiled.error?.message ?? compiled.stderr}`);
    const initrd = join(folder, 'initrd.gz');
    writeFileSync(initrd, gzipSync(initramfs(readFileSync(init), Buffer.from(script)), { level: 1 }));
    const output = join(folder, 'output');
    const system = ['-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE, '-serial', `file:${output}`];
    await finished([...BOARD, ...BARE, ...MACHINES[machine], ...system], seconds);
    return readFileSync(output, 'latin1').replaceAll('\r', '');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** QEMU's and its device's own remarks go to stderr. */
function finished(options, seconds) {
  return new Promise((resolve, reject) => {
    const child = spawn(QEMU, options, { stdio: ['ignore', 2, 2], timeout: seconds * 1000, killSignal: 'SIGKILL' });
    child.on('error', (error) => reject(new Error(`${QEMU}: ${error.message}`)));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(signal === null ? `${QEMU} ended with ${code}` : `no end after ${seconds} s`));
    });
  });
}

function initramfs(init, script) {
  return Buffer.concat([
    entry('dev', 0o040755, Buffer.alloc(0)),
    entry('init', 0o100755, init),
    entry('script', 0o100644, script),
    entry('TRAILER!!!', 0, Buffer.alloc(0)),
  ]);
}

/** A file of a cpio archive in the "newc" format: a head of hexadecimal numbers, name and content, each padded to four bytes. */
function entry(name, mode, content) {
  const fields = [0, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = `070701${fields.map((value) => value.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return Buffer.concat([padded(Buffer.from(head)), padded(content)]);
}

const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
