import { Access } from '@ioasis/core';
import type { FaultReasonName, VtdOptions } from '../../src/index.js';
import type { VtdRig } from './rig.js';

export const DEVICE = 0x0018;
export const IOVA = 0x4000_0000n;
export const PA = 0x1_0000_0000n;
/** No memory there: between the two windows. */
export const HOLE = 0x8000_0000n;

export interface Request {
  readonly iova?: bigint;
  readonly access?: number;
  readonly pasid?: number;
}

export interface Case {
  readonly reason: FaultReasonName;
  readonly when: string;
  readonly options?: VtdOptions;
  readonly mode?: 'legacy' | 'scalable' | 'reserved' | 'abort';
  readonly setup?: (rig: VtdRig) => void;
  readonly request?: Request;
}

export const WRITE = Access.WRITE;
export const PRIVILEGED = Access.READ | Access.PRIVILEGED;
export const EXECUTE = Access.READ | Access.EXECUTE;

/** A legacy context with one page. */
export const legacy =
  (entry: bigint, context: Parameters<VtdRig['context']>[2] = {}) =>
  (rig: VtdRig): void => {
    rig.map(rig.context(DEVICE, 5, context), IOVA, entry);
  };
/** PASID 1 of the device; the function gives its entry. */
export const pasid1 =
  (entry: (rig: VtdRig) => readonly [q0: bigint, q1?: bigint, q2?: bigint]) =>
  (rig: VtdRig): void => {
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const [q0, q1 = 5n, q2 = 0n] = entry(rig);
    rig.pasid(directory, 1, { q0, q1, q2 });
  };
/** First-stage table with one page, as PASID 1. */
export const first = (
  entry: bigint,
  more: { q1?: bigint; q2?: bigint; level?: number } = {},
): ((rig: VtdRig) => void) =>
  pasid1((rig) => {
    const root = rig.page();
    rig.mapFirst(root, IOVA, entry, { level: more.level ?? 1 });
    return [0x41n, more.q1 ?? 5n, root | (more.q2 ?? 0n)];
  });
/** Second-stage table with one page, as PASID 1. */
export const second = (entry: bigint, low = 0x89n): ((rig: VtdRig) => void) =>
  pasid1((rig) => {
    const root = rig.page();
    rig.map(root, IOVA, entry);
    return [root | low, 5n];
  });
/** Nested: the guest's tables are mapped one to one with these bits; its page leads to 0x70000000. */
export const nested = (tables: bigint, page: bigint, firstLeaf = 0x7000_0067n, low = 0xc9n): ((rig: VtdRig) => void) =>
  pasid1((rig) => {
    const [host, guest] = [rig.page(), rig.page()];
    rig.mapFirst(guest, IOVA, firstLeaf);
    for (let at = 0x20_0000n; at < 0x24_0000n; at += 0x1000n) rig.map(host, at, at | tables);
    rig.map(host, 0x7000_0000n, page);
    return [host | low, 5n, guest];
  });
export const inPasid: Request = { pasid: 1 };

export const full: VtdOptions = { preset: 'full' };
export const scalable = { options: full, mode: 'scalable', request: inPasid } as const;
