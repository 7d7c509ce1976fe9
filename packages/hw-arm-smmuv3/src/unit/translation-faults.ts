import { Access, join64, WalkStop, type RadixWalker } from '@ioasis/core';
import { EventClass } from '../layouts/events.js';
import type { Context } from './context.js';
import type { EventRecorder } from './event-recorder.js';
import type { SmmuV3Fault } from './fault.js';
import type { Request } from './request.js';
import { eventOfStop, type Stage2 } from './stage2.js';
import type { StalledTransactions } from './stalled-transactions.js';

/** Turns refused translations into events: which stage, whether it is recorded, whether the transaction stalls (IHI 0070 3.12, 7.3). */
export class TranslationFaults {
  readonly #request: Request;
  readonly #recorder: EventRecorder;
  readonly #stalled: StalledTransactions;

  constructor(request: Request, recorder: EventRecorder, stalled: StalledTransactions) {
    this.#request = request;
    this.#recorder = recorder;
    this.#stalled = stalled;
  }

  /** A stage 1 walk stopped. */
  ofWalk(walker: RadixWalker, stage2: Stage2 | null, context: Context): SmmuV3Fault {
    if (walker.stop === WalkStop.STAGE && stage2 !== null) {
      return this.ofStage2(stage2, EventClass.TTD, stage2.ipaHi, stage2.ipaLo);
    }
    const name = eventOfStop(walker.stop);
    if (name !== 'F_WALK_EABT') return this.ofStage1(context, name);
    // An external abort is recorded whatever CD.R says.
    const second = join64(walker.entryAddressHi, walker.entryAddressLo);
    return this.#recorder.translation(name, { class: EventClass.TTD, second });
  }

  ofStage1(context: Context, name: 'F_TRANSLATION' | 'F_ADDR_SIZE' | 'F_ACCESS' | 'F_PERMISSION'): SmmuV3Fault {
    const stall = context.stall ? this.#stall() : undefined;
    return this.#recorder.translation(name, {
      record: context.record || stall !== undefined,
      class: EventClass.IN,
      ...(stall !== undefined && { stall }),
    });
  }

  /** Stage 2 refused. @param eventClass what the access was for, one of `EventClass` */
  ofStage2(stage2: Stage2, eventClass: number, ipaHi: number, ipaLo: number): SmmuV3Fault {
    const { walker } = stage2;
    const name = eventOfStop(walker.stop);
    if (name === 'F_WALK_EABT') {
      const second = join64(walker.entryAddressHi, walker.entryAddressLo);
      return this.#recorder.translation(name, { stage2: true, class: eventClass, second });
    }
    const stall = stage2.stall ? this.#stall() : undefined;
    return this.#recorder.translation(name, {
      record: stage2.record || stall !== undefined,
      stage2: true,
      class: eventClass,
      second: join64(ipaHi, ipaLo) & ~0xfffn,
      tableRead: name === 'F_PERMISSION' && eventClass === EventClass.TTD && !stage2.tableWrite,
      ...(stall !== undefined && { stall }),
    });
  }

  /** Faults of a translation request are its answer (IHI 0070 3.9.1.2). */
  isAnswer(): boolean {
    return (this.#request.access & Access.TRANSLATION_REQUEST) !== 0;
  }

  #stall(): number | undefined {
    return this.isAnswer() ? undefined : this.#stalled.stall(this.#request.streamId);
  }
}
