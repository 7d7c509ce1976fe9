import { Access } from '@ioasis/core';
import { VTD_PRESETS } from '../../src/index.js';
import {
  DEVICE,
  IOVA,
  PA,
  HOLE,
  type Case,
  WRITE,
  PRIVILEGED,
  EXECUTE,
  pasid1,
  first,
  second,
  nested,
  full,
  scalable,
} from './fault-case.js';

/** A request that meets each reason of scalable mode. */
export const SCALABLE_CASES: readonly Case[] = [
  { reason: 'SM_ROOT_NOT_PRESENT', when: 'the half of the root entry has P = 0', ...scalable },
  {
    reason: 'SM_ROOT_ACCESS',
    when: 'the root table is in a hole',
    ...scalable,
    setup: (rig) => rig.write(0x20, HOLE | 0x400n),
  },
  {
    reason: 'SM_ROOT_RESERVED',
    when: 'the root entry has a reserved bit',
    ...scalable,
    setup: (rig) => rig.store(rig.root, 0x3n),
  },
  {
    reason: 'SM_CONTEXT_ACCESS',
    when: 'the context table is in a hole',
    ...scalable,
    setup: (rig) => rig.store(rig.root, HOLE | 1n),
  },
  {
    reason: 'SM_CONTEXT_NOT_PRESENT',
    when: 'the context entry has P = 0',
    ...scalable,
    setup: (rig) => void rig.scalableContextAt(DEVICE),
  },
  {
    reason: 'SM_CONTEXT_RESERVED',
    when: 'the context entry has a reserved bit',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 0x20n }),
  },
  {
    reason: 'SM_CONTEXT_INVALID',
    when: 'it enables PASIDs on a unit without',
    mode: 'scalable',
    options: { preset: 'qemu-q35-48bit-scalable' },
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 8n }),
  },
  {
    reason: 'DEVICE_TLB_DISABLED',
    when: 'a translation request meets DTE = 0',
    ...scalable,
    setup: second(PA | 3n),
    request: { pasid: 1, access: Access.READ | Access.TRANSLATION_REQUEST },
  },
  {
    reason: 'PASID_DISABLED',
    when: 'a request with PASID meets PASIDE = 0',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE),
  },
  {
    reason: 'PASID_BEYOND_DIRECTORY',
    when: 'the directory is smaller',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 8n }),
    request: { pasid: 1 << 13 },
  },
  {
    reason: 'SM_CONTEXT_INVALID',
    when: 'RID_PASID is beyond the directory',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE, { high: 1n << 13n }),
    request: {},
  },
  {
    reason: 'SM_CONTEXT_INVALID',
    when: 'page requests are enabled without device TLBs',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 0x18n }),
  },
  {
    reason: 'PASID_IS_RID_PASID',
    when: 'a request names the PASID of those without',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 8n, high: 1n }),
  },
  {
    reason: 'TRANSLATED_PASID_DISABLED',
    when: 'a translated request has a PASID',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 0xcn }),
    request: { pasid: 1, access: Access.READ | Access.TRANSLATED },
  },
  {
    reason: 'PASID_BEYOND_SUPPORTED',
    when: 'the directory is larger than the unit can use',
    ...scalable,
    options: { ...full, ecap: VTD_PRESETS.full.ecap & ~(0x10n << 35n) },
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 0xe08n }),
    request: { pasid: 1 << 16 },
  },
  {
    reason: 'PASID_DIRECTORY_ACCESS',
    when: 'the directory is in a hole',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 8n, directory: HOLE }),
  },
  {
    reason: 'PASID_DIRECTORY_NOT_PRESENT',
    when: 'the directory entry has P = 0',
    ...scalable,
    setup: (rig) => void rig.scalableContext(DEVICE, { low: 8n }),
  },
  {
    reason: 'PASID_DIRECTORY_RESERVED',
    when: 'the directory entry has a reserved bit',
    ...scalable,
    setup: (rig) => rig.store(rig.scalableContext(DEVICE, { low: 8n }), 0x5n),
  },
  {
    reason: 'PASID_ENTRY_ACCESS',
    when: 'the PASID table is in a hole',
    ...scalable,
    setup: (rig) => rig.store(rig.scalableContext(DEVICE, { low: 8n }), HOLE | 1n),
  },
  { reason: 'PASID_ENTRY_NOT_PRESENT', when: 'the PASID entry has P = 0', ...scalable, setup: pasid1(() => [0n]) },
  {
    reason: 'PASID_ENTRY_RESERVED',
    when: 'the PASID entry has a reserved bit',
    ...scalable,
    setup: pasid1(() => [0x489n]),
  },
  {
    reason: 'PASID_ENTRY_INVALID',
    when: 'the translation type is reserved',
    ...scalable,
    setup: pasid1(() => [0x1c9n]),
  },
  {
    reason: 'EXECUTE_DISABLED',
    when: 'an instruction fetch meets ERE = 0',
    ...scalable,
    setup: second(PA | 3n),
    request: { pasid: 1, access: EXECUTE },
  },
  {
    reason: 'SUPERVISOR_DISABLED',
    when: 'a privileged request meets SRE = 0',
    ...scalable,
    setup: second(PA | 3n),
    request: { pasid: 1, access: PRIVILEGED },
  },
  { reason: 'FS_ENTRY_ACCESS', when: 'a table is in a hole', ...scalable, setup: first(HOLE | 7n, { level: 3 }) },
  { reason: 'FS_ENTRY_NOT_PRESENT', when: 'nothing is mapped', ...scalable, setup: first(0n) },
  { reason: 'FS_ENTRY_RESERVED', when: 'XD is set without NXE', ...scalable, setup: first(PA | 7n | (1n << 63n)) },
  {
    reason: 'FS_TOP_TABLE_ACCESS',
    when: 'the top table is in a hole',
    ...scalable,
    setup: pasid1(() => [0x41n, 5n, HOLE]),
  },
  {
    reason: 'FS_ADDRESS_BEYOND_SS_WIDTH',
    when: 'a page is wider than the second stage',
    ...scalable,
    setup: nested(3n, PA | 3n, (1n << 49n) | 0x67n),
  },
  {
    reason: 'FS_TOP_TABLE_READ_DENIED',
    when: 'the second stage keeps the top table',
    ...scalable,
    setup: nested(2n, PA | 3n),
  },
  {
    reason: 'FS_TABLE_READ_DENIED',
    when: 'the second stage keeps a lower table',
    ...scalable,
    setup: (rig) => {
      nested(3n, PA | 3n)(rig);
      const entry = rig.pasidAt(rig.load(rig.scalableContextAt(DEVICE)) & ~0xfffn, 1);
      const host = rig.load(entry) & ~0xfffn;
      const guest = rig.load(entry + 16n) & ~0xfffn;
      const table = rig.load(guest) & ~0xfffn;
      rig.map(host, table, table | 2n);
    },
  },
  {
    reason: 'FS_UPDATE_WRITE_DENIED',
    when: 'the accessed bit lies in a read-only table',
    ...scalable,
    setup: nested(1n, PA | 3n),
  },
  {
    reason: 'SS_ENTRY_ACCESS',
    when: 'a table is in a hole',
    ...scalable,
    setup: pasid1((rig) => {
      const root = rig.page();
      rig.store(rig.entryAt(root, 4, IOVA, 3), HOLE | 3n);
      return [root | 0x89n];
    }),
  },
  {
    reason: 'SS_ENTRY_NOT_PRESENT',
    when: 'nothing is mapped',
    ...scalable,
    setup: second(0n),
    request: { pasid: 1, access: WRITE },
  },
  {
    reason: 'SS_ENTRY_NOT_PRESENT',
    when: 'no right is left over all levels',
    ...scalable,
    setup: pasid1((rig) => {
      const root = rig.page();
      rig.map(root, IOVA, PA | 2n);
      const link = rig.entryAt(root, 4, IOVA, 2);
      rig.store(link, (rig.load(link) & ~3n) | 1n);
      return [root | 0x89n];
    }),
  },
  {
    reason: 'SS_ENTRY_NOT_PRESENT',
    when: 'the second stage of a nested translation keeps the page',
    ...scalable,
    setup: nested(3n, 0n),
  },
  {
    reason: 'SS_ENTRY_NOT_PRESENT',
    when: 'the second stage keeps the top table of the first',
    ...scalable,
    setup: nested(0n, PA | 3n),
  },
  {
    reason: 'SM_WRITE_DENIED',
    when: 'a write meets a read-only page of the second stage',
    ...scalable,
    setup: second(PA | 1n),
    request: { pasid: 1, access: WRITE },
  },
  {
    reason: 'SM_WRITE_DENIED',
    when: 'a write meets a page that the second stage of a nested translation makes read-only',
    ...scalable,
    setup: nested(3n, PA | 1n),
    request: { pasid: 1, access: WRITE },
  },
  {
    reason: 'SM_READ_DENIED',
    when: 'a read meets a write-only page of the second stage',
    ...scalable,
    setup: second(PA | 2n),
  },
  {
    reason: 'SM_READ_DENIED',
    when: 'a read meets a page that the second stage of a nested translation makes write-only',
    ...scalable,
    setup: nested(3n, PA | 2n),
  },
  {
    reason: 'ADDRESS_BEYOND_HOST_WIDTH',
    when: 'a translated request is wider than the host',
    ...scalable,
    setup: (rig) => {
      const directory = rig.scalableContext(DEVICE, { low: 4n });
      rig.pasid(directory, 0, { q0: 0x109n, q1: 5n });
    },
    request: { iova: 1n << 52n, access: Access.READ | Access.TRANSLATED },
  },
  {
    reason: 'ADDRESS_BEYOND_HOST_WIDTH',
    when: 'a pass-through request is wider than the host',
    ...scalable,
    setup: pasid1(() => [0x109n]),
    request: { pasid: 1, iova: 1n << 52n },
  },
  {
    reason: 'PASID_ENTRY_INVALID',
    when: 'a first-stage pointer is wider than the second stage that it goes through',
    ...scalable,
    setup: pasid1((rig) => [rig.page() | 0xc9n, 5n, 1n << 48n]),
  },
  {
    reason: 'PASID_ENTRY_INVALID',
    when: 'a first-stage pointer is wider than MGAW',
    ...scalable,
    options: { ...full, cap: (VTD_PRESETS.full.cap & ~(0x3fn << 16n)) | (0x2dn << 16n) },
    setup: pasid1((rig) => [rig.page() | 0xc9n, 5n, 1n << 46n]),
  },
  {
    reason: 'SS_ENTRY_RESERVED',
    when: 'a table has a reserved bit',
    ...scalable,
    setup: pasid1((rig) => {
      const root = rig.page();
      rig.store(rig.entryAt(root, 4, IOVA, 3), 0x5000n | 3n | (1n << 11n));
      return [root | 0x89n];
    }),
  },
  {
    reason: 'SS_TOP_TABLE_ACCESS',
    when: 'the top table is in a hole',
    ...scalable,
    setup: pasid1(() => [HOLE | 0x89n]),
  },
  {
    reason: 'SS_UPDATE_NOT_SNOOPED',
    when: 'an accessed bit is to be set without snooping',
    ...scalable,
    options: { preset: 'full', coherent: false },
    setup: second(PA | 3n, 0x289n),
  },
  {
    reason: 'NOT_CANONICAL',
    when: 'the address is not canonical',
    ...scalable,
    setup: first(PA | 7n),
    request: { pasid: 1, iova: 1n << 47n },
  },
  { reason: 'USER_DENIED', when: 'a user meets a supervisor page', ...scalable, setup: first(PA | 3n) },
  {
    reason: 'EXECUTE_DENIED',
    when: 'a fetch meets XD',
    ...scalable,
    setup: first(PA | 7n | (1n << 63n), { q2: 0x22n }),
    request: { pasid: 1, access: EXECUTE },
  },
  {
    reason: 'SS_ADDRESS_BEYOND_WIDTH',
    when: 'the address is wider than the tables',
    ...scalable,
    setup: second(PA | 3n),
    request: { pasid: 1, iova: 1n << 48n },
  },
  {
    reason: 'SM_WRITE_DENIED',
    when: 'a write meets a read-only page of the first stage',
    ...scalable,
    setup: first(PA | 5n),
    request: { pasid: 1, access: WRITE },
  },
  {
    reason: 'SM_INTERRUPT_RANGE',
    when: 'a page leads to the interrupt window',
    ...scalable,
    setup: first(0xfee0_0007n),
  },
  {
    reason: 'FS_UPDATE_NOT_SNOOPED',
    when: 'an accessed bit is to be set without snooping',
    ...scalable,
    options: { preset: 'full', coherent: false },
    setup: first(PA | 7n),
  },
];
