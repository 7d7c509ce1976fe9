import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientAddressSpace } from '../src/client-address-space.js';
import { ClientMaps } from '../src/client-maps.js';
import { ClientMemory } from '../src/client-memory.js';
import { SharedPages } from '../src/shared-pages.js';
import { machineWithEdu } from './native.js';

describe.skipIf(process.platform !== 'linux')('the address space of a running program', () => {
  let child: ChildProcess;
  beforeAll(async () => {
    child = spawn('/bin/sh', ['-c', 'echo; read line'], { stdio: ['pipe', 'pipe', 'ignore'] });
    if (child.stdout !== null) await once(child.stdout, 'data');
  });
  afterAll(() => child.kill());

  it('has a frame for each page that can be read, which stays while the page is pinned', () => {
    const pid = child.pid ?? 0;
    const machine = machineWithEdu();
    const { pages, root } = machine;
    const memory = new ClientMemory(pid, { count: 0 });
    const space = new ClientAddressSpace({ pages, user: root }, memory, new SharedPages(), false);
    const maps = new ClientMaps(pid);
    const stack = (maps.read().find(({ name }) => name === '[stack]')?.end ?? 0) / space.pageSize - 1;
    maps.close();
    const held = machine.pages.pinCount;

    expect(space.frameOfPage(0)).toBe(-1);
    expect(space.frameOfPage(stack)).toBeGreaterThanOrEqual(0);
    expect(space.hasPins).toBe(false);
    const frames = new Float64Array(1);
    expect(space.pinPages(stack, 1, true, frames, 0)).toBe(1);
    expect(space.frameOfPage(stack)).toBe(frames[0]);
    expect([space.hasPins, machine.pages.pinCount]).toEqual([true, held + 1]);
    space.unpinPages(frames, 0, 1);
    expect([space.hasPins, machine.pages.pinCount]).toEqual([false, held]);
    memory.close();
    expect(machine.close()).toMatchObject({ userFrames: 0, pins: 0 });
  });
});
