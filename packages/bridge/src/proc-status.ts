import { readFileSync } from 'node:fs';
import { ALL_CAPABILITIES, type Capability, type ResourceLimits } from '@ioasis/core';

/** Numbers of capabilities (linux/capability.h). */
const CAPABILITY_BITS: Readonly<Record<Capability, bigint>> = { ipc_lock: 14n, sys_rawio: 17n, sys_resource: 24n };
const MOST_ANCESTORS = 1000;
const INFINITE = 0xffff_ffff_ffff_ffffn;

/** What the server wants to know of a process. */
export interface ProcStatus {
  readonly parent: number;
  /** Effective user. */
  readonly uid: number;
  readonly capabilities: readonly Capability[];
}

/** Reads /proc/PID/status; undefined: there is no such process. */
export function procStatus(pid: number): ProcStatus | undefined {
  const text = readProc(`/proc/${pid}/status`);
  if (text === undefined) return undefined;
  const field = (name: string): string[] => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1]?.split(/\s+/) ?? [];
  const effective = BigInt(`0x${field('CapEff')[0] ?? '0'}`);
  return {
    parent: Number(field('PPid')[0] ?? -1),
    uid: Number(field('Uid')[1] ?? -1),
    capabilities: ALL_CAPABILITIES.filter((name) => ((effective >> CAPABILITY_BITS[name]) & 1n) === 1n),
  };
}

/** Soft limits of a process that the model asks for; absent when they cannot be read. */
export function procLimits(pid: number): Partial<ResourceLimits> {
  const text = readProc(`/proc/${pid}/limits`) ?? '';
  const memlock = /^Max locked memory\s+(\S+)/m.exec(text)?.[1];
  if (memlock === undefined) return {};
  return { memlock: memlock === 'unlimited' ? INFINITE : BigInt(memlock) };
}

/** Whether `pid` was started by `ancestor` or its children, as the same user; one that was left by its parents shows it by the secret in its environment. */
export function belongsToRun(pid: number, ancestor: number, token: string): boolean {
  const own = procStatus(ancestor);
  const first = procStatus(pid);
  if (own === undefined || first === undefined || own.uid !== first.uid) return false;
  let at = pid;
  let status: ProcStatus | undefined = first;
  for (let steps = 0; steps < MOST_ANCESTORS && status !== undefined; steps++) {
    if (at === ancestor) return true;
    at = status.parent;
    status = procStatus(at);
  }
  // Orphans are init's children.
  return readProc(`/proc/${pid}/environ`)?.split('\0').includes(`IOASIS_TOKEN=${token}`) ?? false;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
