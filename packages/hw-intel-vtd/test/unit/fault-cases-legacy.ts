import { Access } from '@ioasis/core';
import { DEVICE, IOVA, PA, HOLE, type Case, WRITE, legacy, inPasid, full } from './fault-case.js';

/** A request that meets each reason of legacy mode and of table modes. */
export const LEGACY_CASES: readonly Case[] = [
  { reason: 'ROOT_NOT_PRESENT', when: 'the root entry has P = 0' },
  { reason: 'ROOT_ACCESS', when: 'the root table is in a hole', setup: (rig) => rig.write(0x20, HOLE) },
  {
    reason: 'ROOT_RESERVED',
    when: 'the root entry has a reserved bit',
    setup: (rig) => (legacy(PA | 3n)(rig), rig.store(rig.root + 8n, 1n)),
  },
  { reason: 'CONTEXT_NOT_PRESENT', when: 'the context entry has P = 0', setup: (rig) => void rig.contextAt(DEVICE) },
  { reason: 'CONTEXT_ACCESS', when: 'the context table is in a hole', setup: (rig) => rig.store(rig.root, HOLE | 1n) },
  { reason: 'CONTEXT_RESERVED', when: 'the context entry has a reserved bit', setup: legacy(PA | 3n, { low: 0x10n }) },
  { reason: 'CONTEXT_INVALID', when: 'the unit has no such address width', setup: legacy(PA | 3n, { aw: 3n }) },
  { reason: 'CONTEXT_INVALID', when: 'the translation type is reserved', setup: legacy(PA | 3n, { low: 0xcn }) },
  {
    reason: 'CONTEXT_INVALID',
    when: 'the top table is in a hole',
    setup: (rig) => void rig.context(DEVICE, 5, { root: HOLE }),
  },
  {
    reason: 'ADDRESS_BEYOND_WIDTH',
    when: 'the address is wider than the tables',
    setup: legacy(PA | 3n),
    request: { iova: 1n << 48n },
  },
  {
    reason: 'WRITE_DENIED',
    when: 'a write meets a read-only page',
    setup: legacy(PA | 1n),
    request: { access: WRITE },
  },
  { reason: 'READ_DENIED', when: 'a read meets a write-only page', setup: legacy(PA | 2n) },
  { reason: 'READ_DENIED', when: 'nothing is mapped', setup: legacy(0n) },
  {
    reason: 'NEXT_TABLE_ACCESS',
    when: 'a table is in a hole',
    setup: (rig) => rig.store(rig.entryAt(rig.context(DEVICE, 5), 4, IOVA, 3), HOLE | 3n),
  },
  { reason: 'ENTRY_RESERVED', when: 'a page has a reserved bit', setup: legacy(PA | 3n | (1n << 11n)) },
  {
    reason: 'REQUEST_TYPE_BLOCKED',
    when: 'a translation request meets TT = 0',
    setup: legacy(PA | 3n),
    request: { access: Access.READ | Access.TRANSLATION_REQUEST },
  },
  {
    reason: 'ADDRESS_BEYOND_WIDTH',
    when: 'a pass-through request is wider than the host',
    setup: (rig) => void rig.context(DEVICE, 5, { low: 8n }),
    request: { iova: 1n << 48n },
  },
  {
    reason: 'NOT_AN_INTERRUPT',
    when: 'the interrupt window is read',
    setup: legacy(PA | 3n),
    request: { iova: 0xfee0_0000n },
  },
  { reason: 'INTERRUPT_RANGE', when: 'a page leads to the interrupt window', setup: legacy(0xfee0_0003n) },
  { reason: 'TABLE_MODE_INVALID', when: 'the table mode is reserved', options: full, mode: 'reserved' },
  {
    reason: 'PASID_IN_LEGACY_MODE',
    when: 'a request has a PASID in legacy mode',
    setup: legacy(PA | 3n),
    request: inPasid,
  },
  { reason: 'ABORT_DMA_MODE', when: 'the table mode aborts DMA', options: full, mode: 'abort' },
];
