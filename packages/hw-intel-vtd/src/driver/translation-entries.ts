import { CONTEXT_ENTRY, PASID_ENTRY, PasidTranslationType } from '../layouts/translation-structures.js';
import type { UserStage } from './user-stage.js';

/** Second-stage tables as an entry names them. */
export interface SecondStage {
  /** Root table, bytes. */
  readonly root: bigint;
  readonly levels: number;
  readonly domainId: number;
}

/** What a scalable-mode entry says besides. */
export interface PasidTraits {
  /** PWSNP: walks snoop (ECAP.SMPWCS). */
  readonly walkSnoop: boolean;
  /** SSADE. */
  readonly tracksDirty: boolean;
}

const common = ({ root, levels, domainId }: SecondStage): Record<'SSPTPTR' | 'AW' | 'DID' | 'P', bigint | number> => ({
  SSPTPTR: root >> 12n,
  AW: levels - 2,
  DID: domainId,
  P: 1,
});

/** Legacy context entry, 128 bits. Requests of a device TLB stay blocked: TT is 0. */
export const contextEntry = (stage: SecondStage): bigint => CONTEXT_ENTRY.encode(common(stage));

/** PASID entry with second-stage tables only, 512 bits. */
export const secondStageEntry = (stage: SecondStage, { walkSnoop, tracksDirty }: PasidTraits): bigint =>
  PASID_ENTRY.encode({
    ...common(stage),
    PGTT: PasidTranslationType.SECOND_STAGE,
    PWSNP: walkSnoop,
    SSADE: tracksDirty,
  });

/** PASID entry with a user's first stage on second-stage tables, 512 bits. @param forcesSnoop PGSNP */
export const nestedEntry = (
  stage: SecondStage,
  { walkSnoop, tracksDirty }: PasidTraits,
  user: UserStage,
  forcesSnoop: boolean,
): bigint =>
  PASID_ENTRY.encode({
    ...common(stage),
    PGTT: PasidTranslationType.NESTED,
    PWSNP: walkSnoop,
    SSADE: tracksDirty,
    PGSNP: forcesSnoop,
    FSPTPTR: user.root >> 12n,
    FSPM: user.levels - 4,
    SRE: user.supervisor,
    WPE: user.supervisor && user.writeProtect,
    EAFE: user.extendedAccessed,
  });
