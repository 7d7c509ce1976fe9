import { right } from 'fp-ts/lib/Either.js';
import { VfioIrqSet, type IoctlCall, type IoResult, type Process } from '@ioasis/core';
import { IrqSetFlag, PCI_IRQS, PciIrqIndex } from '../abi/constants.js';
import { copyArgument } from '../argument.js';
import { vfioRefusals } from '../refusals.js';
import { EventFile } from './event-file.js';
import { vectorIndex, type VectorKind } from './interrupts.js';
import { irqCount } from './irq-count.js';
import type { PciAccess } from './pci-access.js';

const { refuse } = vfioRefusals;
const U32_MAX = 0xffff_ffff;
const DATA_MASK: number = IrqSetFlag.NONE | IrqSetFlag.BOOL | IrqSetFlag.EVENTFD;
const ACTION_MASK: number = IrqSetFlag.MASK | IrqSetFlag.UNMASK | IrqSetFlag.TRIGGER;

/** What SET_IRQS gives for each interrupt: nothing, whether to act, or an eventfd (undefined: take it away). */
type IrqData =
  | { readonly kind: 'none' }
  | { readonly kind: 'bool'; readonly acts: readonly boolean[] }
  | { readonly kind: 'eventfd'; readonly fds: readonly number[] };

/** SET_IRQS after its header was checked. */
interface IrqCommand {
  readonly index: number;
  readonly start: number;
  readonly count: number;
  readonly action: number;
  readonly data: IrqData;
  readonly process: Process;
}

/** VFIO_DEVICE_SET_IRQS (`vfio_pci_ioctl_set_irqs`). */
export function setIrqs(access: PciAccess, call: IoctlCall): IoResult<0> {
  const command = decode(access, call);
  if (command._tag === 'Left') return command;
  const { index, action } = command.right;
  if (index === PciIrqIndex.INTX) {
    if (action === IrqSetFlag.MASK) return maskIntx(access, command.right);
    if (action === IrqSetFlag.UNMASK) return unmaskIntx(access, command.right);
    if (action === IrqSetFlag.TRIGGER) return triggerVectors(access, command.right, 'intx');
  }
  if (action === IrqSetFlag.TRIGGER) {
    if (index === PciIrqIndex.MSI) return triggerVectors(access, command.right, 'msi');
    if (index === PciIrqIndex.MSIX) return triggerVectors(access, command.right, 'msix');
    if (index === PciIrqIndex.REQ || access.express) return triggerSingle(access, command.right);
  }
  return refuse('DEVICE_IRQ_ACTION', { index, action });
}

function decode(access: PciAccess, call: IoctlCall): IoResult<IrqCommand> {
  const argument = copyArgument(call, VfioIrqSet);
  if (argument._tag === 'Left') return argument;
  const { argsz, flags, index, start, count } = argument.right.values;
  const available = irqCount(access, index);
  if (index >= PCI_IRQS || count >= U32_MAX - start || (flags & ~(DATA_MASK | ACTION_MASK)) !== 0) {
    return refuse('DEVICE_IRQ_SET_HEADER', { index, start, count, flags });
  }
  if (start >= available || start + count > available)
    return refuse('DEVICE_IRQ_SET_RANGE', { index, start, count, available });
  const data = copyData(call, flags & DATA_MASK, count, argsz);
  if (data._tag === 'Left') return data;
  return right({ index, start, count, action: flags & ACTION_MASK, data: data.right, process: call.process });
}

function copyData(call: IoctlCall, type: number, count: number, argsz: number): IoResult<IrqData> {
  if (type === IrqSetFlag.NONE) return right({ kind: 'none' });
  if (type !== IrqSetFlag.BOOL && type !== IrqSetFlag.EVENTFD) return refuse('DEVICE_IRQ_SET_DATA', { type });
  const bytes = new Uint8Array(count * (type === IrqSetFlag.BOOL ? 1 : 4));
  if (argsz - VfioIrqSet.size < bytes.length)
    return refuse('DEVICE_IRQ_SET_DATA', { argsz, needed: VfioIrqSet.size + bytes.length });
  const address = call.argument + BigInt(VfioIrqSet.size);
  if (call.process.addressSpace.copyIn(address, bytes) < bytes.length)
    return refuse('VFIO_ARGUMENT_UNREADABLE', { address });
  if (type === IrqSetFlag.BOOL) return right({ kind: 'bool', acts: Array.from(bytes, (byte) => byte !== 0) });
  const view = new DataView(bytes.buffer);
  return right({ kind: 'eventfd', fds: Array.from({ length: count }, (_, at) => view.getInt32(4 * at, true)) });
}

function maskIntx(access: PciAccess, { start, count, data }: IrqCommand): IoResult<0> {
  const { interrupts } = access;
  if (interrupts.enabled !== 'intx' || start !== 0 || count !== 1)
    return refuse('DEVICE_IRQ_STATE', { enabled: String(interrupts.enabled) });
  if (data.kind === 'eventfd') return refuse('DEVICE_IRQ_MASK_EVENTFD');
  if (data.kind === 'none' || data.acts[0] === true) interrupts.mask();
  return right(0);
}

function unmaskIntx(access: PciAccess, { start, count, data, process }: IrqCommand): IoResult<0> {
  const { interrupts } = access;
  if (interrupts.enabled !== 'intx' || start !== 0 || count !== 1)
    return refuse('DEVICE_IRQ_STATE', { enabled: String(interrupts.enabled) });
  if (data.kind === 'eventfd') {
    const event = eventOf(process, data.fds[0] ?? -1);
    if (event._tag === 'Left') return event;
    event.right?.onSignal(() => interrupts.unmask());
    return right(0);
  }
  if (data.kind === 'none' || data.acts[0] === true) interrupts.unmask();
  return right(0);
}

/** Enables a kind of vectors, changes their eventfds, fires them for a test, or disables all (`vfio_pci_set_msi_trigger` and its INTx twin). */
function triggerVectors(access: PciAccess, { start, count, data, process }: IrqCommand, kind: VectorKind): IoResult<0> {
  const { interrupts } = access;
  const enabled = interrupts.enabled === kind;
  const facts = { enabled: String(interrupts.enabled), asked: kind, index: vectorIndex[kind] };
  if (enabled && count === 0 && data.kind === 'none') {
    access.setVectors(kind, 0);
    return right(0);
  }
  if (interrupts.enabled !== undefined && !enabled) return refuse('DEVICE_IRQ_STATE', facts);
  if (kind === 'intx' && (start !== 0 || count !== 1)) return refuse('DEVICE_IRQ_STATE', facts);
  if (data.kind === 'eventfd') {
    if (!enabled) access.setVectors(kind, start + count);
    const connected = connect(access, process, start, data.fds);
    if (connected._tag === 'Left' && !enabled) access.setVectors(kind, 0);
    return connected;
  }
  if (!enabled) return refuse('DEVICE_IRQ_STATE', facts);
  for (let at = 0; at < count; at++) if (data.kind === 'none' || data.acts[at] === true) interrupts.trigger(start + at);
  return right(0);
}

/** Connects eventfds one by one; a wrong one takes those of this call away again. */
function connect({ interrupts }: PciAccess, process: Process, start: number, fds: readonly number[]): IoResult<0> {
  for (const [at, fd] of fds.entries()) {
    const event = eventOf(process, fd);
    if (event._tag === 'Left') {
      for (let earlier = 0; earlier < at; earlier++) interrupts.connect(start + earlier, undefined);
      return event;
    }
    interrupts.connect(start + at, event.right);
  }
  return right(0);
}

/** The eventfd of a request to give the device back, or of bus errors (`vfio_pci_set_ctx_trigger_single`). */
function triggerSingle({ interrupts }: PciAccess, { index, count, data, process }: IrqCommand): IoResult<0> {
  const slot = index === PciIrqIndex.REQ ? 'request' : 'error';
  const event = interrupts[slot];
  if (data.kind === 'none') {
    if (event === undefined) return refuse('DEVICE_IRQ_STATE', { index });
    if (count > 0) event.signal();
    else interrupts[slot] = undefined;
    return right(0);
  }
  if (count === 0) return refuse('DEVICE_IRQ_STATE', { index, count });
  if (data.kind === 'bool') {
    if (data.acts[0] === true) event?.signal();
    return right(0);
  }
  const fd = data.fds[0] ?? -1;
  if (fd < -1) return refuse('DEVICE_IRQ_STATE', { index, fd });
  const replacement = eventOf(process, fd);
  if (replacement._tag === 'Left') return replacement;
  interrupts[slot] = replacement.right;
  return right(0);
}

/** The eventfd of a descriptor; a negative one means none. */
function eventOf(process: Process, fd: number): IoResult<EventFile | undefined> {
  if (fd < 0) return right(undefined);
  const file = process.fileOf(fd);
  if (file === undefined) return refuse('DEVICE_IRQ_EVENTFD_BADF', { fd });
  return file instanceof EventFile ? right(file) : refuse('DEVICE_IRQ_EVENTFD_KIND', { fd, kind: file.kind });
}
