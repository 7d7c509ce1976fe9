import { ContextState, FRAME_BYTES, Ioas, type Machine, type Range64 } from '@ioasis/core';

/** An object of an open /dev/iommu as {@link machineState} sees it. */
export interface ObjectState {
  readonly id: number;
  readonly kind: string;
  readonly users: number;
  /** What an IOAS holds besides. */
  readonly ioas?: {
    readonly areas: number;
    readonly usable: readonly Range64[];
    readonly alignment: bigint;
    /** Broken invariants; empty when all is well. */
    readonly faults: readonly string[];
  };
}

/** What a refused call must leave as it was. */
export interface MachineState {
  /** Objects of each open /dev/iommu, in order of opening. */
  readonly objects: readonly (readonly ObjectState[])[];
  /** Bytes charged to the machine's budget, page tables apart: a driver keeps those that a refused map made, for the next one. */
  readonly chargedBytes: number;
  /** Pins of programs' pages. */
  readonly pins: number;
  /** Pages counted as locked, of all living processes and of root. */
  readonly lockedPages: number;
  /** Open descriptors by process number. */
  readonly descriptors: Readonly<Record<number, readonly number[]>>;
}

/** Takes down all that a program can make a machine's kernel hold, to be compared before and after a call that was refused. */
export function machineState(machine: Machine): MachineState {
  const processes = machine.processes.alive();
  return {
    objects: contextsOf(machine).map(({ objects }) => [...objects].map(objectState)),
    chargedBytes: machine.budget.used - machine.tableFrames.framesInUse * FRAME_BYTES,
    pins: machine.pages.pinCount,
    lockedPages: processes.reduce((sum, { addressSpace }) => sum + addressSpace.lockedPages, machine.root.lockedPages),
    descriptors: Object.fromEntries(processes.map((process) => [process.pid, process.descriptors()])),
  };
}

/** Every open /dev/iommu of a machine whose objects can be seen. */
export const contextsOf = (machine: Machine): readonly ContextState[] =>
  [...machine.iommufd.contexts].filter((context) => context instanceof ContextState);

function objectState(object: { readonly id: number; readonly kind: string; readonly users: number }): ObjectState {
  const { id, kind, users } = object;
  if (!(object instanceof Ioas)) return { id, kind, users };
  const { table } = object;
  return {
    id,
    kind,
    users,
    ioas: {
      areas: table.areaCount,
      usable: table.usableRanges(),
      alignment: table.iovaAlignment,
      faults: table.checkInvariants(),
    },
  };
}
