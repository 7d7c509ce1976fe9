import { Access, NO_PASID, PageWalk, RequestStream } from '@ioasis/core';
import { TranslationTableMode } from '../layouts/control-registers.js';
import { SUPERVISOR_SHIFT, type FirstStage } from './first-stage.js';
import type { GlobalCommand } from './global-command.js';
import type { SecondStage } from './second-stage.js';
import { ContextKind, NO_PASID_TAG, type TranslationContext } from './translation-context.js';
import { IotlbKind, type UnitCaches } from './unit-caches.js';

const READ_WRITE = Access.READ | Access.WRITE;

/** Tells the unit's front which requesters are translated as their cached structures say. */
export class RequestStreams {
  readonly #caches: UnitCaches;
  readonly #command: GlobalCommand;
  readonly #secondStage: SecondStage;
  readonly #firstStage: FirstStage;

  constructor(caches: UnitCaches, command: GlobalCommand, secondStage: SecondStage, firstStage: FirstStage) {
    this.#caches = caches;
    this.#command = command;
    this.#secondStage = secondStage;
    this.#firstStage = firstStage;
  }

  /** A request was served: from now on the next one may be served by the front. */
  remember(requesterId: number, pasid: number): void {
    const { front } = this.#caches;
    if (front.knows(requesterId, pasid)) return;
    // What is protected is tested on the long way only.
    if (this.#command.protectsMemory) return;
    const context = this.#cachedContext(requesterId, pasid);
    if (context === null || context.kind < ContextKind.SECOND_STAGE) return;
    front.remember(
      new RequestStream({
        requesterId,
        pasid,
        tagA: context.domain,
        tagB: context.pasidTag,
        plain: READ_WRITE | Access.ATOMIC,
        rights: READ_WRITE | Access.EXECUTE,
        pages: this.#pagesOf(context),
      }),
    );
  }

  /** The context that a plain request has in the caches; null: the long way decides. */
  #cachedContext(requesterId: number, pasid: number): TranslationContext | null {
    const { mode } = this.#command;
    const { contexts, scalableContexts, pasids } = this.#caches;
    if (mode === TranslationTableMode.LEGACY) return pasid === NO_PASID ? contexts.find(requesterId, NO_PASID) : null;
    if (mode !== TranslationTableMode.SCALABLE) return null;
    const scalable = scalableContexts.find(requesterId, NO_PASID);
    if (scalable === null || scalable.reason !== 0) return null;
    if (pasid === NO_PASID) return scalable.ridPrivileged ? null : pasids.find(requesterId, scalable.ridPasid);
    // The request was served: the context entry allows this PASID.
    return pasids.find(requesterId, pasid);
  }

  #pagesOf(context: TranslationContext): PageWalk | null {
    const { kind, secondStage, firstStage } = context;
    if (kind === ContextKind.SECOND_STAGE && secondStage !== null) {
      const walker = this.#secondStage.pageWalker(secondStage, context);
      if (walker === null) return null;
      const rights = walker.pagePermissions(false);
      return new PageWalk({
        walker,
        root: secondStage,
        links: this.#caches.secondStage,
        linkTagA: context.domain,
        linkTagB: NO_PASID_TAG,
        permissions: rights | (rights << SUPERVISOR_SHIFT),
        attributes: IotlbKind.SECOND_STAGE,
      });
    }
    if (kind !== ContextKind.FIRST_STAGE || firstStage === null || !context.snooped) return null;
    this.#caches.mayHoldFirstStage = true;
    const walker = this.#firstStage.pageWalker(context);
    return new PageWalk({
      walker,
      root: firstStage,
      links: this.#caches.firstStage,
      linkTagA: context.domain,
      linkTagB: context.pasidTag,
      permissions: this.#firstStage.rightsOf(walker.pagePermissions(false), walker.pagePermissions(true), context),
      attributes: IotlbKind.FIRST_STAGE,
    });
  }
}
