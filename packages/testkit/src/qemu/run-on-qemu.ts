import { Buffer } from 'node:buffer';
import { hex } from '@ioasis/core';
import { finalRegisters } from '../scenario/answers.js';
import type { Answer, Scenario, ScenarioStep } from '../scenario/format.js';
import type { ScenarioRun } from '../scenario/runner.js';
import { QemuMachine } from './qemu-machine.js';
import { witnesses } from './witness.js';

async function perform(scenario: Scenario, on: QemuMachine, step: ScenarioStep): Promise<Answer | undefined> {
  switch (step.op) {
    case 'mem':
      on.store(BigInt(step.addr), Buffer.from(step.hex, 'hex'));
      return undefined;
    case 'fill':
      on.fill(step);
      return undefined;
    case 'mem-read':
      return { hex: Buffer.from(await on.load(BigInt(step.addr), Number(step.len))).toString('hex') };
    case 'mmio-write':
      on.writeRegister(Number(step.off), step.size, BigInt(step.value));
      return undefined;
    case 'mmio-read':
      return { value: hex(await on.readRegister(Number(step.off), step.size)) };
    case 'dma':
      return witnesses[scenario.unit](on, step);
    case 'note':
      return undefined;
  }
}

/**
 * Runs a scenario on a QEMU of its own: the observed side of `iommu-scenario/1`.
 * @throws Error when QEMU is not installed, or dies of the scenario; RangeError when a requester writes more than its buffer holds
 */
export async function runOnQemu(scenario: Scenario): Promise<ScenarioRun> {
  const machine = await QemuMachine.start(scenario);
  try {
    const answers: (Answer | undefined)[] = [];
    for (const step of scenario.steps) answers.push(await perform(scenario, machine, step));
    const final: Record<string, string> = {};
    for (const name of Object.keys(scenario.final ?? {})) {
      const offset = finalRegisters[name];
      // Units without a page 1 of their own show it in page 0.
      if (offset !== undefined) final[name] = hex(await machine.readRegister(offset & 0xffff, 4));
    }
    return { scenario, answers, final };
  } finally {
    await machine.close();
  }
}

/** The program that {@link runOnQemu} did not find; undefined: it threw for another reason. */
export const missingQemu = (error: unknown): string | undefined =>
  error instanceof Error ? /^spawn (\S+) ENOENT$/.exec(error.message)?.[1] : undefined;
