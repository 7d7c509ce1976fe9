import { Buffer } from 'node:buffer';
import { isLeft } from 'fp-ts/lib/Either.js';
import { vfio } from '@ioasis/compat-vfio';
import {
  Access,
  createMachine,
  describeRefusal,
  hex,
  NO_PASID,
  VfioExtension,
  VfioIommuType1DmaMap,
  VfioIommuType1DmaUnmap,
  VfioRequest,
  type IommuDevice,
  type IoResult,
  type Machine,
  type Process,
  type TranslationUnit,
} from '@ioasis/core';
import { EduDevice, EduDriver } from '@ioasis/testkit';
import type { DemoPages } from './pages.js';
import { walkEnd, walkLines } from '../walk/walk-lines.js';
import type { Protagonist } from './protagonists.js';

const ADDRESS = '0000:00:01.0';
const GROUP = 1;
const BUFFER = 0x7f00_0000_0000n;
const BUFFER_BYTES = 0x1_0000n;
const IOVA = 0x10_0000n;
const ANSWER_OFFSET = 0x2000n;
const MESSAGE = 'hello, device';
const MAP_READ_WRITE = 3;

/** The value of a call that this demo cannot do without. */
function must<A>(result: IoResult<A>): A {
  if (isLeft(result)) throw new Error(describeRefusal(result.left));
  return result.right;
}

function requesterAt(machine: Machine, address: string): Requester {
  const device = machine.device(address);
  if (device === undefined) throw new Error(`no device at ${address}`);
  return { iommu: device.iommu, unit: machine.backend.unitOf(device.iommu) };
}

/** ioctl with a block of bytes; the block as it is afterwards. */
function ioctl(process: Process, fd: number, request: number, block: Uint8Array): { value: number; block: Uint8Array } {
  return process.scratch.borrow(block.length, (addr) => {
    process.addressSpace.poke(addr, block);
    const value = must(process.ioctl(fd, request, addr));
    return { value, block: process.addressSpace.peek(addr, block.length) };
  });
}

/** The device as the IOMMU knows it, and the IOMMU in front of it. */
interface Requester {
  readonly iommu: IommuDevice;
  readonly unit: TranslationUnit;
}

interface Opened {
  readonly container: number;
  readonly device: number;
}

function openContainer(pages: DemoPages, process: Process): Opened {
  pages.chapter('A program opens the container and puts the device into it');
  const container = must(process.open('/dev/vfio/vfio'));
  pages.call('open("/dev/vfio/vfio")', String(container));
  const group = must(process.open(`/dev/vfio/${GROUP}`));
  pages.call(`open("/dev/vfio/${GROUP}")`, String(group));
  const number = Buffer.alloc(4);
  number.writeInt32LE(container);
  const joined = ioctl(process, group, VfioRequest.GROUP_SET_CONTAINER, number).value;
  pages.call(`VFIO_GROUP_SET_CONTAINER   container ${container}`, String(joined));
  const type = must(process.ioctl(container, VfioRequest.SET_IOMMU, BigInt(VfioExtension.TYPE1V2)));
  pages.call('VFIO_SET_IOMMU             VFIO_TYPE1v2_IOMMU', String(type));
  const device = ioctl(process, group, VfioRequest.GROUP_GET_DEVICE_FD, Buffer.from(`${ADDRESS}\0`)).value;
  pages.call(`VFIO_GROUP_GET_DEVICE_FD   "${ADDRESS}"`, String(device));
  return { container, device };
}

function mapBuffer(pages: DemoPages, process: Process, { container }: Opened): void {
  pages.chapter('It maps a buffer for the device');
  must(process.addressSpace.mmap(BUFFER, BUFFER_BYTES, 'rw', { kind: 'private' }));
  const argument = VfioIommuType1DmaMap.encode({
    argsz: VfioIommuType1DmaMap.size,
    flags: MAP_READ_WRITE,
    vaddr: BUFFER,
    iova: IOVA,
    size: BUFFER_BYTES,
  });
  const { value } = ioctl(process, container, VfioRequest.IOMMU_MAP_DMA, argument);
  pages.call(`VFIO_IOMMU_MAP_DMA         64 KiB at ${hex(BUFFER)} as IOVA ${hex(IOVA)}`, String(value));
}

function moveBytes(pages: DemoPages, process: Process, edu: EduDriver): void {
  pages.chapter('The device reads the buffer and writes into it');
  process.addressSpace.poke(BUFFER, Buffer.from(MESSAGE));
  pages.text(`the program writes "${MESSAGE}" at ${hex(BUFFER)}`);
  edu.transfer('to-device', IOVA, 0, MESSAGE.length);
  pages.text(`the device reads ${MESSAGE.length} bytes at IOVA ${hex(IOVA)} into its own buffer`);
  edu.transfer('from-device', IOVA + ANSWER_OFFSET, 0, MESSAGE.length);
  pages.text(`the device writes them to IOVA ${hex(IOVA + ANSWER_OFFSET)}`);
  edu.transfer('to-device', IOVA + ANSWER_OFFSET, 0, MESSAGE.length);
  pages.text('the device reads them back, and the IOTLB still knows where they are');
  const answer = Buffer.from(process.addressSpace.peek(BUFFER + ANSWER_OFFSET, MESSAGE.length)).toString();
  pages.text(`the program finds "${answer}" at ${hex(BUFFER + ANSWER_OFFSET)}`);
}

function showWalk(pages: DemoPages, { iommu, unit }: Requester): void {
  pages.chapter(`How the unit translates IOVA ${hex(IOVA + ANSWER_OFFSET)} for device ${ADDRESS}`);
  const walk = unit.explain(iommu.requesterId, NO_PASID, IOVA + ANSWER_OFFSET, Access.WRITE);
  for (const { entry, fields } of walkLines(walk)) {
    pages.text(entry);
    pages.text(fields, '     ');
  }
  pages.text(walkEnd(walk));
}

function unmapBuffer(pages: DemoPages, process: Process, { container }: Opened): void {
  pages.chapter('The program takes the buffer back');
  const argument = VfioIommuType1DmaUnmap.encode({
    argsz: VfioIommuType1DmaUnmap.size,
    iova: IOVA,
    size: BUFFER_BYTES,
  });
  const { value, block } = ioctl(process, container, VfioRequest.IOMMU_UNMAP_DMA, argument);
  pages.call(
    `VFIO_IOMMU_UNMAP_DMA       IOVA ${hex(IOVA)}, ${hex(VfioIommuType1DmaUnmap.decode(block).size)} bytes unmapped`,
    String(value),
  );
}

function tryAgain(pages: DemoPages, { iommu, unit }: Requester, edu: EduDriver, log: () => readonly string[]): void {
  pages.chapter('The device tries again');
  edu.transfer('to-device', IOVA, 0, MESSAGE.length);
  const lines = log();
  if (lines.length === 0) throw new Error('the device read memory that is not mapped');
  pages.text('it gets zeroes, and the unit records a fault that Linux would log as');
  for (const line of lines) pages.loud(line, 'red');
  pages.text('because the walk now ends at');
  const walk = unit.explain(iommu.requesterId, NO_PASID, IOVA, Access.READ);
  for (const { entry } of walkLines(walk).slice(-1)) pages.text(entry);
}

function showCounters(pages: DemoPages, { unit }: Requester, commands: string): void {
  pages.chapter('What the unit did');
  const { counters } = unit;
  const row = (name: string, value: number): void => pages.text(`${name.padEnd(44)} ${String(value).padStart(6)}`);
  row('requests translated', counters.translations);
  row('  found in the IOTLB', counters.iotlbHits);
  row('  walked, because the IOTLB had no answer', counters.iotlbMisses);
  row('entries read by walks', counters.walkReads);
  row('faults', counters.faults);
  row(`${commands} executed`, counters.commands);
  row('cache entries they dropped', counters.invalidatedEntries);
}

/** The main job: a buffer, a device, a walk, a fault. Everything printed comes from the machine. */
export function tellStory(pages: DemoPages, { title, make, lastFault, commands }: Protagonist): void {
  const machine = createMachine({
    backend: make(),
    devices: [{ function: new EduDevice(), address: ADDRESS, group: GROUP }],
    services: [vfio()],
  });
  const requester = requesterAt(machine, ADDRESS);
  pages.title(`ioasis: a device behind ${title}, driven through VFIO`);
  const process = machine.spawn();
  const opened = openContainer(pages, process);
  const edu = new EduDriver(process, opened.device);
  mapBuffer(pages, process, opened);
  moveBytes(pages, process, edu);
  showWalk(pages, requester);
  unmapBuffer(pages, process, opened);
  tryAgain(pages, requester, edu, () => lastFault(machine.backend));
  showCounters(pages, requester, commands);
  process.exit();
}
