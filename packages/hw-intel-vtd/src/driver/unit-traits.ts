import { CAP_REG, ECAP_REG, type CapField, type EcapField } from '../layouts/capability-registers.js';

/** What Linux's driver makes of a unit's capability registers. */
export class UnitTraits {
  readonly cap: bigint;
  readonly ecap: bigint;
  /** Scalable mode with second-stage tables. */
  readonly isScalable: boolean;
  /** Levels of second-stage tables: the most that the unit walks, and in scalable mode that both stages have. */
  readonly levels: number;
  /** Bits of an IOVA: what the table translates, or less (MGAW). */
  readonly addressWidth: number;
  readonly superpage2M: boolean;
  readonly superpage1G: boolean;
  readonly snoopControl: boolean;
  /** Walks of page tables see every write at once. */
  readonly isCoherent: boolean;
  /** The hardware writes dirty bits of second-stage tables. */
  readonly hasDirtyTracking: boolean;
  /** First-stage tables of users can be nested. */
  readonly hasNesting: boolean;
  /** PASID bits; 0: requests with a PASID are not translated. */
  readonly pasidBits: number;
  readonly domainCount: number;

  /** @throws RangeError for a unit that the driver cannot use */
  constructor(cap: bigint, ecap: bigint) {
    this.cap = cap;
    this.ecap = ecap;
    if (!this.can('QI')) throw new RangeError('intelVtd: the driver needs queued invalidation (ECAP.QI)');
    this.isScalable = this.can('SMTS') && this.can('SSTS');
    this.levels = this.#chooseLevels();
    this.addressWidth = Math.min(12 + 9 * this.levels, this.value('MGAW') + 1);
    this.superpage2M = (this.value('SSLPS') & 1) !== 0;
    this.superpage1G = (this.value('SSLPS') & 2) !== 0;
    this.snoopControl = this.can('SC');
    this.isCoherent = this.isScalable ? this.can('SMPWCS') : this.can('C');
    this.hasDirtyTracking = this.isScalable && this.can('SSADS') && this.can('SMPWCS');
    this.hasNesting = this.isScalable && this.can('NEST');
    this.pasidBits = this.isScalable && this.can('PASID') ? Number(ECAP_REG.get(ecap, 'PSS')) + 1 : 0;
    this.domainCount = 2 ** Math.min(16, 4 + 2 * this.value('ND'));
  }

  has(field: CapField): boolean {
    return this.value(field) !== 0;
  }

  can(field: EcapField): boolean {
    return ECAP_REG.get(this.ecap, field) !== 0n;
  }

  value(field: CapField): number {
    return Number(CAP_REG.get(this.cap, field));
  }

  /** Whether second-stage tables may have this many levels (SAGAW bit 1: three, 2: four, 3: five). */
  walksLevels(levels: number): boolean {
    return (this.value('SAGAW') & (1 << (levels - 2))) !== 0;
  }

  #chooseLevels(): number {
    const most = this.isScalable && this.can('FSTS') && !this.has('FS5LP') ? 4 : 5;
    const levels = [5, 4, 3].find((count) => count <= most && this.walksLevels(count));
    if (levels === undefined) throw new RangeError('intelVtd: the driver needs second-stage tables (CAP.SAGAW)');
    return levels;
  }
}
