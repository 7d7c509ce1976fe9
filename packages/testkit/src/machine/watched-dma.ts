import {
  Access,
  NO_PASID,
  type AtsOutcome,
  type DmaOutcome,
  type DmaPiece,
  type DmaPort,
  type DmaReadOutcome,
  type TranslationUnit,
  type TranslationWalk,
} from '@ioasis/core';

/** An outcome that can be explained. */
export interface WatchedOutcome extends DmaOutcome {
  /** The walk of the tables, as they are when this is called, for one of the pieces. */
  walkOf(piece: DmaPiece): TranslationWalk;
}

/** A read that can be explained. */
export interface WatchedReadOutcome extends WatchedOutcome, DmaReadOutcome {}

/** A device's port whose outcomes can be explained, so that a failed expectation prints the walk. */
export class WatchedDma implements DmaPort {
  readonly requesterId: number;
  readonly #port: DmaPort;
  readonly #unit: TranslationUnit;

  constructor(port: DmaPort, unit: TranslationUnit) {
    this.requesterId = port.requesterId;
    this.#port = port;
    this.#unit = unit;
  }

  read(iova: bigint, bytes: number, pasid: number = NO_PASID): WatchedReadOutcome {
    return { ...this.#port.read(iova, bytes, pasid), walkOf: this.#walker(Access.READ, pasid) };
  }

  write(iova: bigint, data: Uint8Array, pasid: number = NO_PASID): WatchedOutcome {
    return { ...this.#port.write(iova, data, pasid), walkOf: this.#walker(Access.WRITE, pasid) };
  }

  translate(iova: bigint, write: boolean, pasid: number = NO_PASID): AtsOutcome {
    return this.#port.translate(iova, write, pasid);
  }

  #walker(access: number, pasid: number): (piece: DmaPiece) => TranslationWalk {
    return ({ iova }) => this.#unit.explain(this.requesterId, pasid, iova, access);
  }
}
