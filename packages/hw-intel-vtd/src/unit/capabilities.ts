import { CAP_REG, ECAP_REG, type CapField, type EcapField } from '../layouts/capability-registers.js';

/** What CAP and ECAP say, decoded once; the unit's code asks this, never the registers. */
export class Capabilities {
  readonly cap: bigint;
  readonly ecap: bigint;
  /** Width of physical addresses, bits. Not in a register: ACPI's DMAR table reports it. */
  readonly hostAddressWidth: number;
  /** Bits of an address that a request may have (MGAW). */
  readonly guestAddressWidth: number;
  readonly domainIdBits: number;
  /** PASID bits, 0 without PASID support. */
  readonly pasidBits: number;
  readonly faultRecords: number;
  /** Byte offset of FRCD[0]. */
  readonly faultRecordOffset: number;
  /** Byte offset of IVA; IOTLB follows. */
  readonly iotlbOffset: number;
  readonly maxAddressMask: number;
  readonly cachingMode: boolean;
  readonly pageSelective: boolean;
  readonly zeroLengthReads: boolean;
  readonly writeBufferFlush: boolean;
  readonly rootPointerFlushes: boolean;
  readonly protectedLowMemory: boolean;
  readonly protectedHighMemory: boolean;
  readonly queuedInvalidation: boolean;
  readonly superpage2M: boolean;
  readonly superpage1G: boolean;
  readonly firstStage1G: boolean;
  readonly firstStage5Level: boolean;
  readonly passThrough: boolean;
  readonly deviceTlb: boolean;
  readonly snoopControl: boolean;
  readonly memoryTypes: boolean;
  readonly scalable: boolean;
  readonly firstStage: boolean;
  readonly secondStage: boolean;
  readonly nesting: boolean;
  readonly pageRequests: boolean;
  readonly pageRequestDrain: boolean;
  readonly supervisorRequests: boolean;
  readonly executeRequests: boolean;
  readonly secondStageDirty: boolean;
  readonly extendedAccessed: boolean;
  readonly noWriteFlag: boolean;
  readonly invalidationThrottling: boolean;
  readonly abortDma: boolean;
  readonly ridPasid: boolean;
  readonly ridPrivilege: boolean;
  /** Walks of legacy-mode tables and structures are snooped. */
  readonly coherent: boolean;
  /** Walks of scalable-mode tables and structures are snooped. */
  readonly scalableCoherent: boolean;
  readonly #sagaw: number;

  constructor(cap: bigint, ecap: bigint, hostAddressWidth: number) {
    const value = (field: CapField): number => Number(CAP_REG.get(cap, field));
    const has = (field: CapField): boolean => value(field) !== 0;
    const extended = (field: EcapField): number => Number(ECAP_REG.get(ecap, field));
    const hasExtended = (field: EcapField): boolean => extended(field) !== 0;
    this.cap = cap;
    this.ecap = ecap;
    this.hostAddressWidth = hostAddressWidth;
    this.guestAddressWidth = value('MGAW') + 1;
    this.domainIdBits = Math.min(16, 4 + 2 * value('ND'));
    this.faultRecords = value('NFR') + 1;
    this.faultRecordOffset = value('FRO') * 16;
    this.iotlbOffset = extended('IRO') * 16;
    this.maxAddressMask = value('MAMV');
    this.cachingMode = has('CM');
    this.pageSelective = has('PSI');
    this.zeroLengthReads = has('ZLR');
    this.writeBufferFlush = has('RWBF');
    this.rootPointerFlushes = has('ESRTPS');
    this.protectedLowMemory = has('PLMR');
    this.protectedHighMemory = has('PHMR');
    this.queuedInvalidation = hasExtended('QI');
    this.superpage2M = (value('SSLPS') & 1) !== 0;
    this.superpage1G = (value('SSLPS') & 2) !== 0;
    this.firstStage1G = has('FS1GP');
    this.firstStage5Level = has('FS5LP');
    this.passThrough = hasExtended('PT');
    this.deviceTlb = hasExtended('DT');
    this.snoopControl = hasExtended('SC');
    this.memoryTypes = hasExtended('MTS');
    this.scalable = hasExtended('SMTS');
    this.firstStage = hasExtended('FSTS');
    this.secondStage = hasExtended('SSTS');
    this.nesting = hasExtended('NEST');
    this.pageRequests = hasExtended('PRS');
    this.pageRequestDrain = hasExtended('PDS');
    this.supervisorRequests = hasExtended('SRS');
    this.executeRequests = hasExtended('ERS');
    this.secondStageDirty = hasExtended('SSADS');
    this.extendedAccessed = hasExtended('EAFS');
    this.noWriteFlag = hasExtended('NWFS');
    this.invalidationThrottling = hasExtended('DIT');
    this.abortDma = hasExtended('ADMS');
    this.ridPasid = hasExtended('RPS');
    this.ridPrivilege = hasExtended('RPRIVS');
    this.pasidBits = hasExtended('PASID') ? extended('PSS') + 1 : 0;
    this.coherent = hasExtended('C');
    this.scalableCoherent = hasExtended('SMPWCS');
    this.#sagaw = value('SAGAW');
  }

  /** Whether second-stage tables may have this many levels (SAGAW bit 1: three, 2: four, 3: five). */
  supportsLevels(levels: number): boolean {
    return (this.#sagaw & (1 << (levels - 2))) !== 0;
  }

  /** Address bits that a second-stage table of this many levels translates: 39, 48 or 57; MGAW limits them further. */
  inputBits(levels: number): number {
    return 12 + 9 * levels;
  }
}
