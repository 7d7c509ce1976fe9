import type { Bench } from './bench.js';
import type { BackendTraits } from './traits.js';

/** One thing that a backend must do, on a machine of its own. */
export interface CaseBody {
  /** A sentence of behaviour; stable, so that a failure can be named. */
  readonly name: string;
  /**
   * What the backend says it lacks, and where it says so. The case then asks for what must hold without it. Undefined: the case asks for
   * the whole contract.
   */
  readonly gap?: string;
  readonly run: (bench: Bench) => void;
}

/** Cases about one part of the contract. */
export interface CaseArea {
  readonly name: string;
  readonly cases: (traits: BackendTraits) => readonly CaseBody[];
}
