import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientMaps } from '../src/client-maps.js';
import { ClientMemory } from '../src/client-memory.js';
import { belongsToRun, procStatus } from '../src/proc-status.js';

const onLinux = process.platform === 'linux';

describe.skipIf(!onLinux)('the memory of another process', () => {
  let child: ChildProcess;
  beforeAll(async () => {
    child = spawn('/bin/sh', ['-c', 'echo; read line'], { stdio: ['pipe', 'pipe', 'ignore'] });
    if (child.stdout !== null) await once(child.stdout, 'data');
  });
  afterAll(() => child.kill());

  it('has the mappings that the kernel lists', () => {
    const lines = readFileSync(`/proc/${child.pid}/maps`, 'latin1').trimEnd().split('\n');
    const maps = new ClientMaps(child.pid ?? 0);
    const areas = maps.read();
    maps.close();
    expect(areas).toHaveLength(lines.length);
    areas.forEach(({ start, end, readable, writable, name }, at) => {
      const line = lines[at] ?? '';
      expect(line.startsWith(`${start.toString(16).padStart(8, '0')}-${end.toString(16).padStart(8, '0')} `)).toBe(
        true,
      );
      expect(line.split(' ')[1]?.slice(0, 2)).toBe(`${readable ? 'r' : '-'}${writable ? 'w' : '-'}`);
      expect(line.endsWith(name)).toBe(true);
    });
    expect(areas.some(({ name }) => name === '[stack]')).toBe(true);
  });

  it('is read and written where it is mapped, and nowhere else', () => {
    const memory = new ClientMemory(child.pid ?? 0, { count: 0 });
    const maps = new ClientMaps(child.pid ?? 0);
    const stack = maps.read().find(({ name }) => name === '[stack]');
    maps.close();
    const address = (stack?.end ?? 0) - 64;
    const bytes = new Uint8Array(64);
    expect(memory.read(address, bytes)).toBe(64);
    expect(memory.write(address, bytes)).toBe(64);
    expect(memory.permitted(address, 128, true)).toBe(64);
    expect(memory.read(address, new Uint8Array(128))).toBe(64);
    expect(memory.read(0, bytes)).toBe(0);
    expect(memory.read(-4096, bytes)).toBe(0);
    expect(memory.read(2 ** 63, bytes)).toBe(0);
    memory.close();
    // The number of the closed file is another file's now, which stays unread.
    const other = openSync('/proc/self/exe', 'r');
    expect(memory.read(address, bytes)).toBe(0);
    expect(memory.permitted(address, 1, false)).toBe(0);
    closeSync(other);
  });

  it('belongs to the run that started it, and to no other', () => {
    const pid = child.pid ?? 0;
    expect(belongsToRun(pid, process.pid, 'token')).toBe(true);
    expect(belongsToRun(process.pid, pid, 'token')).toBe(false);
    expect(belongsToRun(1, process.pid, 'token')).toBe(false);
    expect(belongsToRun(0x7fff_ffff, process.pid, 'token')).toBe(false);
    expect(procStatus(pid)?.parent).toBe(process.pid);
  });
});
