import { isLeft, right } from 'fp-ts/lib/Either.js';
import {
  Errno,
  done,
  frameHi,
  frameLo,
  hi32,
  lo32,
  RunMapper,
  Prot,
  type IoResult,
  type IommuBackend,
  type IommuDevice,
  type IommuDomain,
  type IommuGroup,
  type Range64,
  type ReservedRegion,
} from '@ioasis/core';
import type { DmaEntry } from './dma-list.js';
import {
  apertureConflicts,
  commonAperture,
  cutToAperture,
  excludeReserved,
  reservedConflicts,
  type IovaWindows,
} from './iova-windows.js';
import { driverRefused, type1Refusals } from './refusals.js';
import { contiguousPages, frameBehind, pageHi, pageLo, removeAllMappings } from './release-mapping.js';
import type { Type1Domain, Type1State } from './state.js';

const { refuse } = type1Refusals;

/** A group as a container takes it: its devices, bound to vfio-pci or not, and the IOMMU in front of them. */
export interface GroupMembers {
  readonly group: IommuGroup;
  readonly backend: IommuBackend;
  /** At least one. */
  readonly devices: readonly [IommuDevice, ...IommuDevice[]];
}

/** Puts all devices of a group on a domain, or none. @returns 0 or the errno number of the backend */
function attachAll({ backend, devices }: GroupMembers, domain: IommuDomain): number {
  for (const [at, device] of devices.entries()) {
    const errno = backend.attach(device, domain);
    if (errno === 0) continue;
    for (const earlier of devices.slice(0, at)) backend.detach(earlier);
    return errno;
  }
  return 0;
}

function detachAll({ backend, devices }: GroupMembers): void {
  for (const device of devices) backend.detach(device);
}

const reservedOf = ({ backend, devices }: GroupMembers): readonly ReservedRegion[] =>
  devices.flatMap((device) => backend.reservedRegions(device)).toSorted((a, b) => (a.start < b.start ? -1 : 1));

/**
 * Lets a group join a container that has a type, in the order of `vfio_iommu_type1_attach_group`: a domain of its own first, and if an older
 * domain will do, that one.
 */
export function attachGroup(state: Type1State, members: GroupMembers): IoResult<0> {
  const { backend, devices, group } = members;
  if (state.vaddrInvalid > 0)
    return refuse('TYPE1_ATTACH_VADDR_INVALID', { group: group.id, mappings: state.vaddrInvalid });
  if (state.domains.some(({ groups }) => groups.includes(group)))
    return refuse('TYPE1_ATTACH_TWICE', { group: group.id });
  const failed = state.failure !== null && state.failure.fails('backend');
  const domain = failed ? Errno.ENOMEM : backend.allocPaging(devices[0], 0, undefined);
  if (typeof domain === 'number') return driverRefused(domain, 'domain', { group: group.id });
  const attached = attachNew(state, members, domain);
  if (isLeft(attached)) domain.free();
  return attached;
}

/** @returns Left: nothing is attached and the domain is the caller's to free */
function attachNew(state: Type1State, members: GroupMembers, domain: IommuDomain): IoResult<0> {
  const { group, backend, devices } = members;
  if (state.nesting) {
    if (domain.enableNesting === undefined) return refuse('TYPE1_NO_NESTING', { backend: backend.id });
    const refused = domain.enableNesting();
    if (refused !== 0) return driverRefused(refused, 'nesting', { group: group.id });
  }
  const errno = attachAll(members, domain);
  if (errno !== 0) return driverRefused(errno, 'attach', { group: group.id });
  const windows = windowsWith(state, domain.aperture, reservedOf(members));
  if (isLeft(windows)) return undo(windows);
  const isolated = devices.every((device) => backend.capabilitiesOf(device).msiIsolated);
  if (!isolated && !state.parameters.allowUnsafeInterrupts) {
    return undo(refuse('TYPE1_MSI_NOT_ISOLATED', { group: group.id }));
  }
  const enforcesCacheCoherency = domain.enforceCacheCoherency();
  const joined = joinExisting(state, members, domain, enforcesCacheCoherency);
  if (joined === 'joined') {
    domain.free();
    state.windows = windows.right;
    return done;
  }
  if (joined !== 0) return driverRefused(joined, 'attach', { group: group.id });
  const created = { backend, domain, mapper: new RunMapper(domain), groups: [group], enforcesCacheCoherency };
  const filled = fillDomain(state, created);
  if (isLeft(filled)) return undo(filled);
  state.domains.unshift(created);
  state.updatePageSizes();
  state.windows = windows.right;
  return done;

  function undo<A>(refusal: IoResult<A>): IoResult<A> {
    detachAll(members);
    return refusal;
  }
}

/** The windows that are left when the group joins. */
function windowsWith(state: Type1State, aperture: Range64, reserved: readonly ReservedRegion[]): IoResult<IovaWindows> {
  const hasMapping = (start: bigint, bytes: bigint): boolean => state.mappings.find(start, bytes) !== undefined;
  if (apertureConflicts(state.windows, aperture, hasMapping)) return refuse('TYPE1_APERTURE_CONFLICT', { ...aperture });
  if (reservedConflicts(reserved, hasMapping)) return refuse('TYPE1_RESERVED_CONFLICT', { regions: reserved.length });
  const windows = excludeReserved(cutToAperture(state.windows, aperture), reserved);
  return windows.length === 0 ? refuse('TYPE1_NO_USABLE_IOVA', { ...aperture }) : right(windows);
}

/**
 * Moves the group from its new domain to one that exists, of the same driver, if that takes it.
 * @returns `joined`; 0: the group is on its new domain; or the errno of going back there, then it is attached nowhere
 */
function joinExisting(
  state: Type1State,
  members: GroupMembers,
  domain: IommuDomain,
  enforcesCacheCoherency: boolean,
): 'joined' | number {
  for (const older of state.domains) {
    if (older.backend !== members.backend || older.enforcesCacheCoherency !== enforcesCacheCoherency) continue;
    detachAll(members);
    if (attachAll(members, older.domain) === 0) {
      older.groups.push(members.group);
      return 'joined';
    }
    const errno = attachAll(members, domain);
    if (errno !== 0) return errno;
  }
  return 0;
}

/** Maps everything that the container maps in a domain that joins, as the oldest member has it (`vfio_iommu_replay`). */
function fillDomain(state: Type1State, target: Type1Domain): IoResult<0> {
  const source = state.domains[0];
  if (source === undefined) return done;
  const filled: DmaEntry[] = [];
  for (const entry of state.mappings) {
    filled.push(entry);
    const errno = copyMapping(state.pageSize, entry, source, target);
    if (errno === 0) continue;
    for (const { iova, size } of filled) target.mapper.unmap(hi32(iova), lo32(iova), Number(size));
    return driverRefused(errno, 'map', { iova: entry.iova, size: entry.size });
  }
  return done;
}

function copyMapping(pageSize: number, entry: DmaEntry, source: Type1Domain, target: Type1Domain): number {
  const endPage = Number((entry.iova + entry.size) / BigInt(pageSize));
  let page = Number(entry.iova / BigInt(pageSize));
  while (page < endPage) {
    const frame = frameBehind(source.domain, page, pageSize);
    const pages = contiguousPages(source.domain, page, endPage - page, frame, pageSize);
    const errno = target.mapper.map(
      pageHi(page, pageSize),
      pageLo(page, pageSize),
      frameHi(frame),
      frameLo(frame),
      pages * pageSize,
      entry.prot | Prot.CACHE,
    );
    if (errno !== 0) return errno;
    page += pages;
  }
  return 0;
}

/**
 * Lets a group leave (`vfio_iommu_type1_detach_group`). With the last group of a domain the domain goes, with the last domain every mapping.
 * @param others the groups that stay, for their reserved regions
 */
export function detachGroup(state: Type1State, members: GroupMembers, others: readonly GroupMembers[]): void {
  const at = state.domains.findIndex(({ groups }) => groups.includes(members.group));
  const domain = state.domains[at];
  if (domain === undefined) return;
  detachAll(members);
  domain.groups.splice(domain.groups.indexOf(members.group), 1);
  let { windows } = state;
  if (domain.groups.length === 0) {
    if (state.domains.length === 1) {
      if (state.mediated.size > 0) throw new Error('a mediated device is in a container that loses its last group');
      removeAllMappings(state);
    }
    state.domains.splice(at, 1);
    domain.domain.free();
    windows = expandWindows(windows, commonAperture(state.domains.map((it) => it.domain.aperture)));
    state.updatePageSizes();
  }
  const first = windows[0];
  const last = windows.at(-1);
  if (first === undefined || last === undefined) return;
  const whole = [{ start: first.start, last: last.last }];
  const refreshed = excludeReserved(whole, others.flatMap(reservedOf));
  if (refreshed.length > 0) state.windows = refreshed;
}

function expandWindows(windows: IovaWindows, aperture: Range64): IovaWindows {
  const first = windows[0];
  const last = windows.at(-1);
  if (first === undefined || last === undefined) return windows;
  return windows.length === 1
    ? [aperture]
    : [
        { start: aperture.start, last: first.last },
        ...windows.slice(1, -1),
        { start: last.start, last: aperture.last },
      ];
}

/** Gives up a container that got no type after all (`vfio_iommu_type1_release`). `attached` are the groups that joined already. */
export function releaseState(state: Type1State, attached: readonly GroupMembers[]): void {
  for (const members of attached) detachAll(members);
  for (const { domain } of state.domains) domain.free();
}
