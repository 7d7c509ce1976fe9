import { Access, anyBit, maskWords, TableRoot, wordField } from '@ioasis/core';
import { HOST_FORMAT } from '../format/host-v1.js';
import { DEVICE_TABLE_ENTRY } from '../layouts/device-table-entry.js';
import type { Capabilities } from './capabilities.js';

/** What a device table entry says is to happen with a device's requests: a closed set. */
export const DeviceAction = {
  /** V = 0: everything passes untranslated and unchecked. */
  FORWARD: 0,
  /** V = 1, TV = 0: everything is refused. */
  BLOCK: 1,
  /** Reserved bits or an encoding that this unit does not have. */
  ILLEGAL: 2,
  /** Host tables off (Mode 0): the address stays, IR and IW count. */
  IDENTITY: 3,
  /** Host tables. */
  HOST: 4,
} as const;
/** One of {@link DeviceAction}. */
export type DeviceActionCode = (typeof DeviceAction)[keyof typeof DeviceAction];

/** Values of DTE.HAD. */
const HostAccessDirty = { NONE: 0, ACCESSED: 1, ACCESSED_AND_DIRTY: 3 } as const;

const field = (name: Parameters<typeof DEVICE_TABLE_ENTRY.mask>[0]): ReturnType<typeof wordField> =>
  wordField(DEVICE_TABLE_ENTRY, name);
const V = field('V');
const TV = field('TV');
const HAD = field('HAD');
const MODE = field('MODE');
const GIOV = field('GIOV');
const GV = field('GV');
const GLX = field('GLX');
const GCR3_14_12 = field('GCR3_14_12');
const GCR3_30_15 = field('GCR3_30_15');
const GCR3_51_31 = field('GCR3_51_31');
const IR = field('IR');
const IW = field('IW');
const DOMAIN_ID = field('DOMAIN_ID');
const I = field('I');
const SE = field('SE');
const SA = field('SA');
const IOCTL = field('IOCTL');
const EX = field('EX');
const SYS_MGT = field('SYS_MGT');
const IV = field('IV');
const GUEST_PAGING_MODE = field('GUEST_PAGING_MODE');
const INT_CTL = field('INT_CTL');
const PPR = field('PPR');

/** Reserved bits of the first two 64-bit words; the upper half has fields of later revisions (virtual IOMMU) that do not matter here. */
const RESERVED = maskWords(DEVICE_TABLE_ENTRY.reserved & ((1n << 128n) - 1n), 256);

/** A decoded device table entry. One class for all actions, because the hit path reads it. */
export class DeviceEntry {
  readonly action: DeviceActionCode;
  readonly domainId: number;
  /** Rights that IR and IW leave: OR of `Access` READ, WRITE, EXECUTE. */
  readonly rights: number;
  /** Root of the host tables; null when Mode is 0. */
  readonly host: TableRoot | null;
  /** Host tables: the walk sets accessed (1), or accessed and dirty bits (2). */
  readonly hostFlags: 0 | 1 | 2;
  /** GV: requests with a PASID are translated by guest tables. */
  readonly guest: boolean;
  /** GIoV: requests without PASID are treated as PASID 0. */
  readonly guestWithoutPasid: boolean;
  readonly guestLevels: number;
  readonly gcr3Levels: number;
  readonly gcr3Hi: number;
  readonly gcr3Lo: number;
  /** I: the device may have a TLB of its own (ATS). */
  readonly deviceTlb: boolean;
  readonly pageRequests: boolean;
  /** SA and SE: page faults are not logged, or only the first. */
  readonly suppressAll: boolean;
  readonly suppressLater: boolean;
  /** EX: the exclusion range applies to this device. */
  readonly exclusion: boolean;
  readonly portIo: number;
  readonly systemManagement: number;
  /** IV = 1 and IntCtl = 0: interrupts are refused. */
  readonly interruptsBlocked: boolean;

  /** @param words the 256 bits as 32-bit words, lowest first */
  constructor(words: Int32Array, capabilities: Capabilities) {
    const mode = MODE.of(words, 0);
    this.guest = GV.of(words, 0) !== 0;
    this.guestWithoutPasid = GIOV.of(words, 0) !== 0;
    this.guestLevels = 4 + GUEST_PAGING_MODE.of(words, 0);
    this.gcr3Levels = 1 + GLX.of(words, 0);
    this.action = actionOf(words, mode, this, capabilities);
    this.domainId = DOMAIN_ID.of(words, 0);
    this.rights =
      (IR.of(words, 0) !== 0 ? Access.READ | Access.EXECUTE : 0) | (IW.of(words, 0) !== 0 ? Access.WRITE : 0);
    const had = HAD.of(words, 0);
    this.hostFlags =
      had === HostAccessDirty.ACCESSED_AND_DIRTY && capabilities.hostDirty
        ? 2
        : had !== HostAccessDirty.NONE && capabilities.hostAccessed
          ? 1
          : 0;
    this.host =
      this.action === DeviceAction.HOST
        ? new TableRoot(HOST_FORMAT, {
            hi: words[1]! & 0xf_ffff,
            lo: words[0]! & ~0xfff,
            levels: mode,
            inputBits: Math.min(64, 12 + 9 * mode),
          })
        : null;
    // GCR3 Table Root Pointer [51:12], cut in three.
    const low = (GCR3_14_12.of(words, 0) << 12) | (GCR3_30_15.of(words, 0) << 15);
    const high = GCR3_51_31.of(words, 0);
    this.gcr3Lo = low | (high << 31);
    this.gcr3Hi = high >>> 1;
    this.deviceTlb = I.of(words, 0) !== 0;
    this.pageRequests = PPR.of(words, 0) !== 0;
    this.suppressAll = SA.of(words, 0) !== 0;
    this.suppressLater = SE.of(words, 0) !== 0;
    this.exclusion = EX.of(words, 0) !== 0;
    this.portIo = IOCTL.of(words, 0);
    this.systemManagement = SYS_MGT.of(words, 0);
    this.interruptsBlocked = IV.of(words, 0) !== 0 && INT_CTL.of(words, 0) === 0;
  }
}

/** The table of 48882 2.2.2.2, for requests without PASID; GV and GIoV are looked at per request. */
function actionOf(words: Int32Array, mode: number, entry: DeviceEntry, capabilities: Capabilities): DeviceActionCode {
  if (V.of(words, 0) === 0) return DeviceAction.FORWARD;
  if (anyBit(RESERVED, words, 0)) return DeviceAction.ILLEGAL;
  if (TV.of(words, 0) === 0) return DeviceAction.BLOCK;
  if (mode > capabilities.hostLevels) return DeviceAction.ILLEGAL;
  if (entry.guest) {
    const isKnown = entry.guestLevels <= capabilities.guestLevels && entry.gcr3Levels <= capabilities.gcr3Levels;
    if (!isKnown) return DeviceAction.ILLEGAL;
  }
  return mode === 0 ? DeviceAction.IDENTITY : DeviceAction.HOST;
}
