import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from '@ioasis/core';
import type { Scenario, UnitName } from '../scenario/format.js';
import type { Qtest } from './qtest.js';

/** Where things are in a QEMU machine, and how it is started for one scenario. */
export interface Board {
  readonly program: string;
  /**
   * @param devices requester ids that get an edu device
   * @param folder for files that QEMU reads
   */
  args(scenario: Scenario, devices: readonly number[], folder: string): readonly string[];
  /** Physical address of the unit's registers. */
  readonly unitBase: bigint;
  /** RAM that no scenario uses. */
  readonly scratch: bigint;
  /** First address for BARs, and for the window of bus 1. */
  readonly bars: bigint;
  configWrite(qtest: Qtest, rid: number, offset: number, value: number): Promise<unknown>;
}

/** Opcode of x86's HLT. */
const HLT = 0xf4;
const ROM_BYTES = 0x1_0000;
/** `cli; hlt; jmp -1` where an x86 CPU starts. */
const RESET_VECTOR = { at: 0xfff0, code: [0xfa, HLT, 0xeb, 0xfd] } as const;

/** Writes a firmware that halts. @returns its path */
function writeHaltRom(folder: string): string {
  const path = join(folder, 'halt.rom');
  const rom = new Uint8Array(ROM_BYTES).fill(HLT);
  rom.set(RESET_VECTOR.code, RESET_VECTOR.at);
  writeFileSync(path, rom);
  return path;
}

/** `-device edu` at each requester id; those of bus 1 behind a root port at 1e.0. */
function eduArgs(devices: readonly number[]): string[] {
  const args: string[] = [];
  if (devices.some((rid) => rid >> 8 === 1)) args.push('-device', 'pcie-root-port,id=rp1,bus=pcie.0,addr=1e.0');
  const ordered = devices.toSorted((a, b) => a - b);
  for (const rid of ordered) {
    const [slot, fn] = [(rid >> 3) & 0x1f, rid & 7];
    const bus = rid >> 8 === 0 ? 'pcie.0' : 'rp1';
    const shared = fn === 0 && ordered.some((other) => other !== rid && other >> 3 === rid >> 3);
    args.push(
      '-device',
      `edu,bus=${bus},addr=${slot.toString(16)}.${fn}${shared ? ',multifunction=on' : ''},dma_mask=0xffffffffffffffff`,
    );
  }
  return args;
}

const COMMON = ['-display', 'none', '-nodefaults', '-no-user-config'] as const;
/** Time goes on by instructions, and jumps ahead while the CPU sleeps. */
const VIRTUAL_TIME = ['-icount', 'shift=0,sleep=off'] as const;

const MACHINE_X86 = ['-machine', 'q35,accel=tcg', '-m', '6144', '-vga', 'none', ...VIRTUAL_TIME, ...COMMON] as const;
const MACHINE_ARM = [
  '-machine',
  'virt,iommu=smmuv3,gic-version=3,accel=tcg',
  '-cpu',
  'cortex-a57,start-powered-off=on',
  '-m',
  '8192M',
  ...VIRTUAL_TIME,
  ...COMMON,
] as const;

const traced = (...events: readonly string[]): string[] => events.flatMap((event) => ['-trace', event]);

const x86 = (unitBase: bigint, unitArgs: (config: Scenario['config']) => string[]): Board => ({
  program: 'qemu-system-x86_64',
  args: ({ config }, devices, folder) => [
    ...MACHINE_X86,
    '-bios',
    writeHaltRom(folder),
    ...unitArgs(config),
    ...eduArgs(devices),
  ],
  unitBase,
  scratch: 0x7000_0000n,
  bars: 0xe000_0000n,
  configWrite: (qtest, rid, offset, value) => {
    qtest.post(`outl 0xcf8 ${hex((0x8000_0000 | (rid << 8) | offset) >>> 0)}`);
    return qtest.send(`outl 0xcfc ${hex(value >>> 0)}`);
  },
});

const vtd = x86(0xfed9_0000n, (config) => [
  '-device',
  [
    `intel-iommu,intremap=off,aw-bits=${String(config['aw_bits'] ?? 39)}`,
    ...(config['scalable'] === true ? ['x-scalable-mode=on'] : []),
    ...(config['caching_mode'] === true ? ['caching-mode=on'] : []),
    ...(config['pt'] === false ? ['pt=off'] : []),
  ].join(','),
  ...traced('vtd_dmar_translate', 'vtd_dmar_fault', 'vtd_fault_disabled', 'vtd_ir_remap_msi_req'),
]);

const amdvi = x86(0xfed8_0000n, () => [
  '-device',
  'amd-iommu,intremap=off',
  ...traced('amdvi_translation_result', 'amdvi_mem_ir_write_req'),
]);

const ECAM = 0x40_1000_0000n;

const smmuv3: Board = {
  program: 'qemu-system-aarch64',
  args: (_scenario, devices) => [...MACHINE_ARM, ...eduArgs(devices), ...traced('smmuv3_translate_*')],
  unitBase: 0x905_0000n,
  scratch: 0x2_3000_0000n,
  bars: 0x1000_0000n,
  configWrite: (qtest, rid, offset, value) =>
    qtest.send(`writel ${hex(ECAM + (BigInt(rid) << 12n) + BigInt(offset))} ${hex(value >>> 0)}`),
};

/** The boards by unit. */
export const boards: Readonly<Record<UnitName, Board>> = { vtd, amdvi, smmuv3 };
