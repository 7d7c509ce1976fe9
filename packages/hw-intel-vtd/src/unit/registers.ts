import type { RegisterDefinition } from '@ioasis/core';
import {
  EVENT_ADDR_REG,
  EVENT_CTL_REG,
  EVENT_DATA_REG,
  EVENT_UADDR_REG,
  IRTA_REG,
  PHM_REG,
  PLM_REG,
  PMEN_REG,
  RTADDR_REG,
} from '../layouts/control-registers.js';
import { FRCD_REG, FSTS_REG } from '../layouts/fault-registers.js';
import { CCMD_REG, ICS_REG, IOTLB_REG, IQ_INDEX_REG, IQA_REG, IVA_REG } from '../layouts/invalidation-registers.js';
import { PQ_INDEX_REG, PQA_REG, PRS_REG } from '../layouts/page-request-registers.js';
import { FRCD_BYTES, IOTLB_OFFSET, IVA_OFFSET, RegisterOffset } from '../layouts/register-offsets.js';
import type { Capabilities } from './capabilities.js';

/** Registers whose writes do something, numbered for the register file. */
export const Hook = {
  GCMD: 0,
  CCMD: 1,
  FSTS: 2,
  FECTL: 3,
  FRCD: 4,
  PMEN: 5,
  IQT: 6,
  IECTL: 7,
  PECTL: 8,
  PRS: 9,
  IVA: 10,
  IOTLB: 11,
} as const;

/** The register table of a unit with these capabilities (VT-d 11.4). */
export function vtdRegisters(capabilities: Capabilities, version: number): readonly RegisterDefinition[] {
  const { faultRecordOffset, iotlbOffset } = capabilities;
  const at = RegisterOffset;
  const masked = EVENT_CTL_REG.mask('IM');
  const event = (name: string, control: number, hook: number): RegisterDefinition[] => [
    { name: `${name}CTL`, offset: control, bytes: 4, reset: masked, rw: masked, hook },
    { name: `${name}DATA`, offset: control + 4, bytes: 4, rw: EVENT_DATA_REG.mask('IMD') },
    { name: `${name}ADDR`, offset: control + 8, bytes: 4, rw: EVENT_ADDR_REG.mask('MA') },
    { name: `${name}UADDR`, offset: control + 12, bytes: 4, rw: EVENT_UADDR_REG.mask('MUA') },
  ];
  const always: RegisterDefinition[] = [
    { name: 'VER', offset: at.VER, bytes: 4, reset: BigInt(version) },
    { name: 'CAP', offset: at.CAP, bytes: 8, reset: capabilities.cap },
    { name: 'ECAP', offset: at.ECAP, bytes: 8, reset: capabilities.ecap },
    { name: 'GCMD', offset: at.GCMD, bytes: 4, wo: 0xffff_ffffn, hook: Hook.GCMD },
    { name: 'GSTS', offset: at.GSTS, bytes: 4 },
    { name: 'RTADDR', offset: at.RTADDR, bytes: 8, rw: RTADDR_REG.mask('RTA') | RTADDR_REG.mask('TTM') },
    {
      name: 'CCMD',
      offset: at.CCMD,
      bytes: 8,
      rw: CCMD_REG.mask('ICC') | CCMD_REG.mask('CIRG') | CCMD_REG.mask('DID'),
      wo: CCMD_REG.mask('FM') | CCMD_REG.mask('SID'),
      hook: Hook.CCMD,
    },
    {
      name: 'FSTS',
      offset: at.FSTS,
      bytes: 4,
      w1c: FSTS_REG.mask('PFO') | FSTS_REG.mask('IQE') | FSTS_REG.mask('ICE') | FSTS_REG.mask('ITE'),
      hook: Hook.FSTS,
    },
    ...event('FE', at.FECTL, Hook.FECTL),
    {
      name: 'IVA',
      offset: iotlbOffset + IVA_OFFSET,
      bytes: 8,
      wo: IVA_REG.mask('ADDR') | IVA_REG.mask('IH') | IVA_REG.mask('AM'),
      hook: Hook.IVA,
    },
    {
      name: 'IOTLB',
      offset: iotlbOffset + IOTLB_OFFSET,
      bytes: 8,
      rw:
        IOTLB_REG.mask('IVT') |
        IOTLB_REG.mask('IIRG') |
        IOTLB_REG.mask('DR') |
        IOTLB_REG.mask('DW') |
        IOTLB_REG.mask('DID'),
      hook: Hook.IOTLB,
    },
    { name: 'IRTA', offset: at.IRTA, bytes: 8, rw: IRTA_REG.mask('IRTA') | IRTA_REG.mask('EIME') | IRTA_REG.mask('S') },
  ];
  for (let record = 0; record < capabilities.faultRecords; record++) {
    const offset = faultRecordOffset + record * FRCD_BYTES;
    always.push(
      { name: `FRCD${record} low`, offset, bytes: 8 },
      { name: `FRCD${record} high`, offset: offset + 8, bytes: 8, w1c: FRCD_REG.mask('F') >> 64n, hook: Hook.FRCD },
    );
  }
  return [
    ...always,
    ...(capabilities.queuedInvalidation ? queueRegisters(capabilities, event) : []),
    ...(capabilities.pageRequests ? pageRequestRegisters(event) : []),
    ...(capabilities.protectedLowMemory || capabilities.protectedHighMemory
      ? protectedMemoryRegisters(capabilities)
      : []),
  ];
}

type EventRegisters = (name: string, control: number, hook: number) => RegisterDefinition[];

function queueRegisters(capabilities: Capabilities, event: EventRegisters): RegisterDefinition[] {
  const at = RegisterOffset;
  const width = capabilities.scalable ? IQA_REG.mask('DW') : 0n;
  return [
    { name: 'IQH', offset: at.IQH, bytes: 8 },
    { name: 'IQT', offset: at.IQT, bytes: 8, rw: IQ_INDEX_REG.mask('INDEX'), hook: Hook.IQT },
    { name: 'IQA', offset: at.IQA, bytes: 8, rw: IQA_REG.mask('IQA') | IQA_REG.mask('QS') | width },
    { name: 'ICS', offset: at.ICS, bytes: 4, w1c: ICS_REG.mask('IWC'), hook: Hook.IECTL },
    ...event('IE', at.IECTL, Hook.IECTL),
    { name: 'IQERCD', offset: at.IQERCD, bytes: 8 },
  ];
}

function pageRequestRegisters(event: EventRegisters): RegisterDefinition[] {
  const at = RegisterOffset;
  return [
    { name: 'PQH', offset: at.PQH, bytes: 8, rw: PQ_INDEX_REG.mask('INDEX') },
    { name: 'PQT', offset: at.PQT, bytes: 8, rw: PQ_INDEX_REG.mask('INDEX') },
    { name: 'PQA', offset: at.PQA, bytes: 8, rw: PQA_REG.mask('PQA') | PQA_REG.mask('PQS') },
    { name: 'PRS', offset: at.PRS, bytes: 4, w1c: PRS_REG.mask('PRO') | PRS_REG.mask('PPR'), hook: Hook.PRS },
    ...event('PE', at.PECTL, Hook.PECTL),
  ];
}

function protectedMemoryRegisters(capabilities: Capabilities): RegisterDefinition[] {
  const at = RegisterOffset;
  const low = capabilities.protectedLowMemory ? PLM_REG.mask('ADDR') : 0n;
  const high = capabilities.protectedHighMemory ? PHM_REG.mask('ADDR') : 0n;
  return [
    { name: 'PMEN', offset: at.PMEN, bytes: 4, rw: PMEN_REG.mask('EPM'), hook: Hook.PMEN },
    { name: 'PLMBASE', offset: at.PLMBASE, bytes: 4, rw: low },
    { name: 'PLMLIMIT', offset: at.PLMLIMIT, bytes: 4, rw: low },
    { name: 'PHMBASE', offset: at.PHMBASE, bytes: 8, rw: high },
    { name: 'PHMLIMIT', offset: at.PHMLIMIT, bytes: 8, rw: high },
  ];
}
