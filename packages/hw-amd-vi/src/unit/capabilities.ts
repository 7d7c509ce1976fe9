import { EXTENDED_FEATURE, type FeatureField } from '../layouts/registers.js';

/** What the feature registers say, decoded once; the unit's code asks this, never the registers. */
export class Capabilities {
  readonly efr: bigint;
  readonly efr2: bigint;
  /** Levels of host tables: DTE.Mode above this is illegal; 0 without host translation. */
  readonly hostLevels: number;
  /** Levels of guest tables, 4 or 5; 0 without guest translation. */
  readonly guestLevels: number;
  /** Levels of the GCR3 table. */
  readonly gcr3Levels: number;
  readonly pasidBits: number;
  /** GIoSup: requests without PASID may use the guest tables of PASID 0. */
  readonly guestWithoutPasid: boolean;
  readonly noExecute: boolean;
  readonly prefetch: boolean;
  readonly pageRequests: boolean;
  readonly invalidateAll: boolean;
  readonly hostAccessed: boolean;
  readonly hostDirty: boolean;
  /** log2 of the number of device table segments. */
  readonly segmentBits: number;
  /** Control.PprAutoRspEn: the unit answers page requests that it cannot log. */
  readonly automaticResponse: boolean;
  /** IOTLB type field of INVALIDATE_IOTLB_PAGES. */
  readonly iotlbType: boolean;

  constructor(efr: bigint, efr2: bigint) {
    const value = (field: FeatureField): number => Number(EXTENDED_FEATURE.get(efr, field));
    const has = (field: FeatureField): boolean => value(field) !== 0;
    this.efr = efr;
    this.efr2 = efr2;
    const hats = value('HATS');
    this.hostLevels = hats === 3 ? 0 : 4 + hats;
    this.guestLevels = has('GT_SUP') ? Math.min(5, 4 + value('GATS')) : 0;
    this.gcr3Levels = has('GT_SUP') ? Math.min(3, 1 + value('GLX_SUP')) : 0;
    this.pasidBits = has('GT_SUP') ? value('PAS_MAX') + 1 : 0;
    this.guestWithoutPasid = has('GIO_SUP');
    this.noExecute = has('NX_SUP');
    this.prefetch = has('PREF_SUP');
    this.pageRequests = has('PPR_SUP');
    this.invalidateAll = has('IA_SUP');
    this.hostAccessed = has('HA_SUP');
    this.hostDirty = has('HD_SUP');
    this.segmentBits = value('DEV_TBL_SEG_SUP');
    this.automaticResponse = has('PPR_AUTO_RSP_SUP');
    this.iotlbType = has('INV_IOTLB_TYPE_SUP');
  }

  /** Whether the unit has guest (v2) tables and PASIDs. */
  get guestTranslation(): boolean {
    return this.guestLevels > 0;
  }
}
