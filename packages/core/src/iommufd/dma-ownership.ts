import type { IommuGroup } from '../domain/index.js';

interface Claim {
  readonly owner: object;
  devices: number;
}

/**
 * Who may do DMA with a group of devices: one owner at a time, on the whole machine (`iommu_device_claim_dma_owner`). An owner claims once
 * for each of its devices. Groups that nobody claims belong to the kernel's own drivers.
 */
export class DmaOwnership {
  readonly #claims = new Map<IommuGroup, Claim>();

  /** Claims a group for one more device. False: another owner has it. */
  claim(group: IommuGroup, owner: object): boolean {
    const claim = this.#claims.get(group);
    if (claim === undefined) {
      this.#claims.set(group, { owner, devices: 1 });
      return true;
    }
    if (claim.owner !== owner) return false;
    claim.devices++;
    return true;
  }

  /** Gives back one claim. */
  release(group: IommuGroup): void {
    const claim = this.#claims.get(group);
    if (claim === undefined) throw new RangeError(`group ${group.id} is not claimed`);
    if (--claim.devices === 0) this.#claims.delete(group);
  }

  /** Who owns a group now. */
  ownerOf(group: IommuGroup): object | undefined {
    return this.#claims.get(group)?.owner;
  }
}
