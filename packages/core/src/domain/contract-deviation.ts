/**
 * Clauses of the contract of `IommuDomain` that hardware or a driver may be unable to keep:
 *
 * - `rights`: an access that a mapping does not allow is refused.
 * - `write-only`: a mapping with WRITE alone cannot be read.
 * - `cut`: an unmap inside of a large page, and its invalidation, end the part's translation.
 * - `holes`: an unmap stops at a hole and does not count it.
 * - `tracking-off`: dirty pages are not read while tracking is off (EINVAL).
 * - `dirty-again`: a page that is written again after its dirty state was cleared and synchronised is dirty again.
 */
export type ContractClause = 'rights' | 'write-only' | 'cut' | 'holes' | 'tracking-off' | 'dirty-again';

/**
 * A clause that a backend does not keep, faithfully to what it models. `backendConformance` of testkit then asks for the opposite, so a
 * deviation that is declared and not there is an error too.
 */
export interface ContractDeviation {
  readonly clause: ContractClause;
  /** One sentence: what the hardware or the modelled driver does instead. */
  readonly why: string;
}
