import { PciRegionIndex, type VfioDeviceClient } from '@ioasis/compat-vfio';
import { must } from '../machine/must.js';
import { AtsCommand, AtsRegister, AtsStatus } from './ats-layout.js';
import { BUS_MASTER, PciConfig } from './pci-config.js';

/** How far a transfer of an {@link AtsDriver} is. */
export type AtsProgress = 'idle' | 'done' | 'failed' | 'waiting';

const progress: Readonly<Record<number, AtsProgress>> = {
  [AtsStatus.IDLE]: 'idle',
  [AtsStatus.DONE]: 'done',
  [AtsStatus.FAILED]: 'failed',
  [AtsStatus.WAITING]: 'waiting',
};

/** One transfer between the device's buffer and memory. Sizes are bytes. */
export interface AtsTransfer {
  readonly direction: 'to-device' | 'from-device';
  readonly iova: bigint;
  readonly bytes: number;
  /** First byte in the device's buffer; 0 unless given. */
  readonly offset?: number;
  /** Without one the requests have none. */
  readonly pasid?: number;
}

/** A user space driver of an ATS device: it has the device's VFIO file open. */
export class AtsDriver {
  readonly #vfio: VfioDeviceClient;

  /** Switches bus mastering on. */
  constructor(vfio: VfioDeviceClient) {
    this.#vfio = vfio;
    const command = must(vfio.readConfig(PciConfig.COMMAND, 2));
    must(vfio.writeConfig(PciConfig.COMMAND, Uint8Array.of(command[0]! | BUS_MASTER, command[1]!)));
  }

  /** What became of the last transfer. */
  get progress(): AtsProgress {
    const bytes = must(this.#vfio.read(PciRegionIndex.BAR0, AtsRegister.STATUS, 4));
    return progress[bytes[0]!]!;
  }

  /** Starts a transfer. @returns how far it came at once */
  transfer({ direction, iova, bytes, offset = 0, pasid }: AtsTransfer): AtsProgress {
    this.#write(AtsRegister.ADDRESS, iova, 8);
    this.#write(AtsRegister.LENGTH, BigInt(bytes));
    this.#write(AtsRegister.OFFSET, BigInt(offset));
    this.#write(AtsRegister.PASID, pasid === undefined ? 0n : 0x8000_0000n | BigInt(pasid));
    this.#write(
      AtsRegister.COMMAND,
      BigInt(AtsCommand.START | (direction === 'from-device' ? AtsCommand.TO_MEMORY : 0)),
    );
    return this.progress;
  }

  #write(offset: number, value: bigint, bytes: 4 | 8 = 4): void {
    const data = new Uint8Array(8);
    new DataView(data.buffer).setBigUint64(0, value, true);
    must(this.#vfio.write(PciRegionIndex.BAR0, offset, data.subarray(0, bytes)));
  }
}
