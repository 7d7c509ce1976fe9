export { accessKind } from './access-kind.js';
export { CacheQuery } from './cache-query.js';
export { ManualClock, type Clock } from './clock.js';
export { DeviceTlb, tlbEndpoint } from './device-tlb.js';
export { DmaCounters, DmaEngine } from './dma-engine.js';
export { type AtsOutcome, type DmaOutcome, type DmaPiece, type DmaPort, type DmaReadOutcome } from './dma-port.js';
export {
  PrgResponseCode,
  type DeviceTlbRange,
  type Endpoint,
  type InvalidationAnswer,
  type PageGroupResponse,
  type PageRequestMessage,
  type PageRequestResult,
} from './endpoint.js';
export { explainedWalk } from './explained-walk.js';
export { type AccessKind, type HardwareFault, type TranslationWalk, type WalkStep } from './fault.js';
export { read64, write64, type MmioWindow } from './mmio.js';
export { type InterruptSink, type PciFunction, type PciInterrupts, type PciRegion } from './pci-function.js';
export { PagingStructureCache } from './paging-structure-cache.js';
export { QueueRing, type RingFullness } from './queue-ring.js';
export { RegisterFile, type RegisterAlias, type RegisterDefinition, type RegisterSink } from './register-file.js';
export { StructureCache } from './structure-cache.js';
export { GLOBAL_PAGE, TranslationCache } from './translation-cache.js';
export { type EntryProvenance, type TranslationCacheOptions } from './translation-cache-options.js';
export { Access, NO_PASID, Translation, UnitCounters, type TranslationUnit } from './translation-unit.js';
export {
  type CacheFill,
  type CacheKind,
  type CacheTags,
  type UnitInvalidation,
  type UnitObserver,
} from './unit-observer.js';
export { FrontedUnit } from './fronted-unit.js';
export { RequestFront, type RequestFrontParts } from './request-front.js';
export { PageWalk, RequestStream, type PageWalkOptions, type RequestStreamOptions } from './request-stream.js';
