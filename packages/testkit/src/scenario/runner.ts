import { Buffer } from 'node:buffer';
import { DmaEngine, hex, read64, write64 } from '@ioasis/core';
import { dmaAnswer, finalAnswer } from './answers.js';
import type { Answer, DmaStep, Scenario, ScenarioStep } from './format.js';
import { hash64Pattern } from './hash64.js';
import type { ScenarioUnit } from './scenario-unit.js';

/** What a scenario came to here: one answer per step, undefined for steps without a result. */
export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly answers: readonly (Answer | undefined)[];
  readonly final: Answer;
}

function dma(scenario: Scenario, on: ScenarioUnit, step: DmaStep): Answer {
  const port = new DmaEngine(on.unit, on.memory, Number(step.rid));
  const iova = BigInt(step.iova);
  if (step.dir === 'write') {
    return dmaAnswer(scenario.unit, on, step, port.write(iova, Buffer.from(step.data ?? '', 'hex')), undefined);
  }
  const outcome = port.read(iova, Number(step.len));
  return dmaAnswer(scenario.unit, on, step, outcome, outcome.data);
}

function perform(scenario: Scenario, on: ScenarioUnit, step: ScenarioStep): Answer | undefined {
  const { unit, memory } = on;
  switch (step.op) {
    case 'mem':
      memory.write(BigInt(step.addr), Buffer.from(step.hex, 'hex'));
      return undefined;
    case 'fill': {
      const bytes = Number(step.len);
      const filled =
        step.pattern === undefined
          ? new Uint8Array(bytes).fill(Number(step.byte))
          : hash64Pattern(BigInt(step.addr), bytes);
      memory.write(BigInt(step.addr), filled);
      return undefined;
    }
    case 'mem-read': {
      const bytes = new Uint8Array(Number(step.len));
      memory.read(BigInt(step.addr), bytes);
      return { hex: Buffer.from(bytes).toString('hex') };
    }
    case 'mmio-write':
      if (step.size === 8) write64(unit, Number(step.off), BigInt(step.value));
      else unit.write32(Number(step.off), Number(step.value) | 0);
      return undefined;
    case 'mmio-read': {
      const value = step.size === 8 ? read64(unit, Number(step.off)) : unit.read32(Number(step.off)) >>> 0;
      return { value: hex(value) };
    }
    case 'dma':
      return dma(scenario, on, step);
    case 'note':
      return undefined;
  }
}

/** Runs a scenario on a unit that is fresh from reset. Nothing is compared here. */
export function runScenario(scenario: Scenario, on: ScenarioUnit): ScenarioRun {
  const answers = scenario.steps.map((step) => perform(scenario, on, step));
  return { scenario, answers, final: finalAnswer(on, Object.keys(scenario.final ?? {})) };
}
