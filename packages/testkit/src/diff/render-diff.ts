import { describeRefusal } from '@ioasis/core';
import type { TraceStep } from '../trace/format.js';
import { stepTitle } from '../trace/step-title.js';
import type { DiffReport, StepDifference } from './diff-trace.js';
import type { DiffReason } from './diff-reason.js';
import type { DiffOutcome } from './step-effect.js';

/** A number that is an argument by itself tells steps apart. */
const titleOf = (step: TraceStep): string =>
  step.op === 'ioctl' && 'argval' in step ? `${step.cmd}(${step.argval}) on ${step.fd}` : stepTitle(step);

function resultOf({ exception, refusal, errno, ret, dma }: DiffOutcome): string {
  if (dma !== undefined) return dma.isServed ? 'served' : 'refused';
  if (exception !== undefined) return `exception ${exception}`;
  if (refusal !== undefined) return describeRefusal(refusal);
  return errno ?? `ret ${ret ?? 0}`;
}

const reasonLine = ({ table, id, topic }: DiffReason): string =>
  `    because of ${table === 'personality' ? `row ${id}` : `${table} ${id}`}: ${topic}`;

function linesOf(left: string, right: string, found: StepDifference): string[] {
  const { step, differences, reasons, follows } = found;
  const fields = differences.flatMap((it) => it.fields.map((field) => ({ what: it.what, ...field })));
  const lines = [
    `  ${step.scenario} seq ${step.seq}: ${titleOf(step)}`,
    `    ${left}: ${resultOf(found.left)}`,
    `    ${right}: ${resultOf(found.right)}`,
    ...fields.map(({ what, field, expected, got }) => `    ${what} ${field}: ${expected} against ${got}`),
    ...reasons.map(reasonLine),
  ];
  if (reasons.length > 0) return lines;
  return [...lines, follows === undefined ? '    unexplained' : `    follows from seq ${follows}`];
}

/**
 * A report as text: each step with both answers, the fields that differ, and why.
 * @param show most steps; the rest is counted
 */
export function renderDiff(report: DiffReport, show: number = Infinity): string {
  const { file, left, right, compared, differing, unexplained } = report;
  const hidden = differing.length - Math.min(show, differing.length);
  return [
    `${file}: ${left} against ${right}`,
    `  ${compared} steps compared, ${differing.length} differ, ${unexplained} unexplained`,
    ...differing.slice(0, show).flatMap((found) => linesOf(left, right, found)),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    '',
  ].join('\n');
}
