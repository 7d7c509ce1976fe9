import { explainDifference, type Personality } from '@ioasis/compat-vfio';
import type { KernelProfile } from '@ioasis/core';
import type { StepOutcome } from '../trace/outcome.js';
import type { TraceHeader } from '../trace/format.js';
import type { DiffReason } from './diff-reason.js';
import type { DiffMachine } from './dma-verdict.js';
import { explainKernelDifference } from './kernel-rows.js';
import { effectOf, type AnsweredTwice } from './step-effect.js';
import { explainVendorDifference } from './vendor-rows.js';

/** One of two machines that a trace is run on, and what is told apart by. */
export interface DiffSide {
  /** As reports show it. */
  readonly name: string;
  /** A new machine; called once per scenario. */
  readonly make: (header: TraceHeader) => DiffMachine;
  /** Who serves `/dev/vfio/vfio` on it. */
  readonly personality: Personality;
  readonly kernel: KernelProfile;
  /** Id of its IOMMU's backend. */
  readonly backend: string;
}

/** Explains a step in one respect in which the sides differ. */
type Explainer = (found: AnsweredTwice) => readonly DiffReason[];

/** The respects in which two sides differ, as functions that explain steps. */
export function differsIn(left: DiffSide, right: DiffSide): readonly Explainer[] {
  const explainers: Explainer[] = [];
  if (left.personality !== right.personality) explainers.push(personalityExplainer(left.personality === 'type1'));
  if (left.kernel.id !== right.kernel.id) {
    explainers.push((found) => explainKernelDifference(left.kernel, right.kernel, found));
  }
  if (left.backend !== right.backend) {
    explainers.push((found) => explainVendorDifference(left.backend, right.backend, found));
  }
  return explainers;
}

/** All reasons for a step, by respect. */
export const explainStep = (explainers: readonly Explainer[], found: AnsweredTwice): readonly DiffReason[] =>
  explainers.flatMap((explain) => explain(found));

const codeOf = ({ refusal }: StepOutcome): string | undefined => refusal?.code;

function personalityExplainer(leftIsType1: boolean): Explainer {
  return (found) => {
    const { step, left, right } = found;
    if (step.op !== 'ioctl') return [];
    const [type1, iommufd] = leftIsType1 ? [left, right] : [right, left];
    const rows = explainDifference({
      request: Number(step.nr),
      number: 'argval' in step ? BigInt(step.argval) : undefined,
      effect: effectOf(found),
      type1: codeOf(type1),
      iommufd: codeOf(iommufd),
    });
    return rows.map((row) => ({
      table: 'personality',
      id: row.id,
      topic: row.topic,
      left: leftIsType1 ? row.type1 : row.iommufd,
      right: leftIsType1 ? row.iommufd : row.type1,
    }));
  };
}
