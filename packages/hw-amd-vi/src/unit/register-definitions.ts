import type { RegisterDefinition } from '@ioasis/core';
import { DEVICE_TABLE_SEGMENTS, Register } from '../layouts/register-offsets.js';
import {
  CONTROL,
  DEVICE_TABLE_BASE,
  DEVICE_TABLE_SEGMENT,
  EXCLUSION_BASE,
  EXCLUSION_LIMIT,
  PPR_AUTO_RESPONSE,
  RING_BASE,
  RING_POINTER,
  STATUS,
} from '../layouts/registers.js';
import type { Capabilities } from './capabilities.js';

/** What a register write sets off. */
export const Hook = {
  DEVICE_TABLE: 0,
  COMMAND_BASE: 1,
  EVENT_BASE: 2,
  PPR_BASE: 3,
  CONTROL: 4,
  COMMAND_TAIL: 5,
  EXCLUSION: 6,
  SEGMENT: 8,
} as const;

const all = (layout: { readonly bits: number; readonly reserved: bigint }): bigint =>
  ((1n << BigInt(layout.bits)) - 1n) & ~layout.reserved;

const automaticResponse: RegisterDefinition = {
  name: 'PPR Auto Response',
  offset: Register.PPR_AUTO_RESPONSE,
  bytes: 8,
  rw: all(PPR_AUTO_RESPONSE),
};

const RUN_BITS =
  STATUS.mask('EVENT_LOG_RUN') | STATUS.mask('CMD_BUF_RUN') | STATUS.mask('PPR_LOG_RUN') | STATUS.mask('GA_LOG_RUN');

/** The registers with their access rules (48882 3.4). */
export function registerDefinitions(capabilities: Capabilities): RegisterDefinition[] {
  const pointer = (name: string, offset: number, hook?: number): RegisterDefinition => ({
    name,
    offset,
    bytes: 8,
    rw: all(RING_POINTER),
    ...(hook === undefined ? {} : { hook }),
  });
  // Reset: 256 entries.
  const ring = (name: string, offset: number, hook: number): RegisterDefinition => ({
    name,
    offset,
    bytes: 8,
    rw: all(RING_BASE),
    reset: RING_BASE.encode({ LEN: 8 }),
    hook,
  });
  const segments = Array.from({ length: DEVICE_TABLE_SEGMENTS }, (_, index): RegisterDefinition => ({
    name: `Device Table Segment ${index + 1}`,
    offset: Register.DEVICE_TABLE_SEGMENT_1 + 8 * index,
    bytes: 8,
    rw: all(DEVICE_TABLE_SEGMENT),
    hook: Hook.SEGMENT + index,
  }));
  return [
    {
      name: 'Device Table Base',
      offset: Register.DEVICE_TABLE_BASE,
      bytes: 8,
      rw: all(DEVICE_TABLE_BASE),
      hook: Hook.DEVICE_TABLE,
    },
    ring('Command Buffer Base', Register.COMMAND_BUFFER_BASE, Hook.COMMAND_BASE),
    ring('Event Log Base', Register.EVENT_LOG_BASE, Hook.EVENT_BASE),
    { name: 'Control', offset: Register.CONTROL, bytes: 8, rw: all(CONTROL), hook: Hook.CONTROL },
    {
      name: 'Exclusion Base',
      offset: Register.EXCLUSION_BASE,
      bytes: 8,
      rw: all(EXCLUSION_BASE),
      hook: Hook.EXCLUSION,
    },
    {
      name: 'Exclusion Limit',
      offset: Register.EXCLUSION_LIMIT,
      bytes: 8,
      rw: all(EXCLUSION_LIMIT),
      hook: Hook.EXCLUSION,
    },
    { name: 'Extended Feature', offset: Register.EXTENDED_FEATURE, bytes: 8, reset: capabilities.efr },
    ring('PPR Log Base', Register.PPR_LOG_BASE, Hook.PPR_BASE),
    ...segments.slice(0, 2 ** capabilities.segmentBits - 1),
    { name: 'Extended Feature 2', offset: Register.EXTENDED_FEATURE_2, bytes: 8, reset: capabilities.efr2 },
    pointer('Command Buffer Head', Register.COMMAND_BUFFER_HEAD),
    pointer('Command Buffer Tail', Register.COMMAND_BUFFER_TAIL, Hook.COMMAND_TAIL),
    pointer('Event Log Head', Register.EVENT_LOG_HEAD),
    pointer('Event Log Tail', Register.EVENT_LOG_TAIL),
    { name: 'Status', offset: Register.STATUS, bytes: 8, w1c: all(STATUS) & ~RUN_BITS },
    pointer('PPR Log Head', Register.PPR_LOG_HEAD),
    pointer('PPR Log Tail', Register.PPR_LOG_TAIL),
    ...(capabilities.automaticResponse ? [automaticResponse] : []),
  ];
}
