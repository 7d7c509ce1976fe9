import type { Machine } from '@ioasis/core';
import { machineState, type ObjectState } from '../failure/index.js';
import { MockBackend } from '../mock/index.js';
import { assertVerdict, type Verdict } from './verdict.js';

/** A machine, or something that has one, such as a `TestMachine`. */
export type MachineHolder = Machine | { readonly machine: Machine };

/**
 * Whether the books of a machine agree: areas with their pages, pins and charges, every domain of an IOAS with its areas, and what the mock
 * IOMMU was asked with its rules. Costs a look-up per page, so it is for tests.
 */
export function holdsInvariants(holder: MachineHolder): Verdict {
  const machine = 'machine' in holder ? holder.machine : holder;
  const files = machineState(machine).objects;
  const broken = [
    ...files.flatMap((objects) =>
      objects.flatMap(({ kind, id, ioas }) => (ioas?.faults ?? []).map((fault) => `${kind} ${id}: ${fault}`)),
    ),
    ...(machine.backend instanceof MockBackend ? machine.backend.violations() : []),
  ];
  return {
    pass: broken.length === 0,
    subject: 'the machine',
    expectation: 'hold its invariants',
    seen: () =>
      [
        ...(broken.length === 0 ? ['it does'] : broken),
        ...files.map((objects, index) => `/dev/iommu ${index}: ${objects.map(objectText).join(', ') || 'no objects'}`),
      ].join('\n'),
  };
}

/** @throws AssertionError that prints what is broken, and the objects */
export const assertHoldsInvariants = (holder: MachineHolder): void => assertVerdict(holdsInvariants(holder));

const objectText = ({ kind, id, users, ioas }: ObjectState): string =>
  `${kind} ${id} (${[`${users} users`, ...(ioas === undefined ? [] : [`${ioas.areas} areas`])].join(', ')})`;
