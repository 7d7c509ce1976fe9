import type { Endpoint } from './endpoint.js';
import { RequestFront } from './request-front.js';
import { Translation, UnitCounters } from './translation-unit.js';

/**
 * Where the requests of a unit arrive, of whatever vendor: its front answers what is as usual, the unit the rest; and who takes its messages. A class, because a call
 * site that meets three vendors inlines one function that they share, and none of three.
 */
export abstract class FrontedUnit {
  readonly translation: Translation = new Translation();
  readonly counters: UnitCounters = new UnitCounters();
  protected readonly front: RequestFront = new RequestFront(this.translation, this.counters);
  /** Devices that take messages of the unit, by requester id. */
  protected readonly endpoints: Map<number, Endpoint> = new Map();

  /** As `TranslationUnit.translate`. */
  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    // Compared with true, because otherwise V8 tests the result as it would any value.
    return (
      this.front.translate(requesterId, pasid, iovaHi, iovaLo, access) ||
      this.translateLonger(requesterId, pasid, iovaHi, iovaLo, access) === true
    );
  }

  /** As `TranslationUnit.connectEndpoint`. */
  connectEndpoint(requesterId: number, endpoint: Endpoint | null): void {
    if (endpoint === null) this.endpoints.delete(requesterId);
    else this.endpoints.set(requesterId, endpoint);
  }

  /** The unit's own path. The front has left nothing changed, and nothing counted. */
  protected abstract translateLonger(
    requesterId: number,
    pasid: number,
    iovaHi: number,
    iovaLo: number,
    access: number,
  ): boolean;
}
