import { Access, NO_PASID, type Machine } from '@ioasis/core';
import type { StepOf } from '../trace/format.js';
import type { ReplayMachine } from '../trace/replayer.js';

/** A machine of a replay; where it has an IOMMU with devices, their DMA is compared too. */
export type DiffMachine = ReplayMachine & Partial<Pick<Machine, 'backend' | 'devices'>>;

/** What the tables say, as they are now, of a transfer that a device is about to make. */
export interface DmaVerdict {
  readonly isServed: boolean;
  /** Some page may be written and not read. */
  readonly meetsWriteOnly: boolean;
}

const FRAME = 4096n;

/** The verdict on a transfer by the only device of a machine. Undefined: it has none, or several. */
export function dmaVerdict({ backend, devices = [] }: DiffMachine, step: StepOf<'dma'>): DmaVerdict | undefined {
  const [device, another] = devices;
  if (backend === undefined || device === undefined || another !== undefined) return undefined;
  const unit = backend.unitOf(device.iommu);
  const allows = (iova: bigint, access: number): boolean =>
    unit.explain(device.iommu.requesterId, NO_PASID, iova, access).pa !== undefined;
  const [start, end] = [BigInt(step.iova), BigInt(step.iova) + BigInt(step.len)];
  let isServed = true;
  let meetsWriteOnly = false;
  for (let iova = start; iova < end; iova = (iova & ~(FRAME - 1n)) + FRAME) {
    const [readable, writable] = [allows(iova, Access.READ), allows(iova, Access.WRITE)];
    if (!(step.dir === 'to-dev' ? readable : writable)) isServed = false;
    if (writable && !readable) meetsWriteOnly = true;
  }
  return { isServed, meetsWriteOnly };
}
