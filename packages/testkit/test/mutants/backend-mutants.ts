import { Access, Errno, type HardwareFault } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { domains, patch, unit, type Mutant } from './mutant.js';

const amd = amdVi({ preset: 'zen-server' });
const arm = armSmmuv3({ preset: 'server' });
const vtd = intelVtd({ preset: 'full' });

const FAULT = 'faults: a request for what is not mapped names requester, address, access and reason, as explain does';
const ONE_PAGE = 'pages: one page of 4 KiB is mapped, reached from its first to its last byte, and gone after an unmap';
const FOREIGN = "attachment: somebody else's domain is refused with EINVAL, and the device stays where it is";

/** Drivers that attach wrongly, and units that translate wrongly. */
export const BACKEND_MUTANTS: readonly Mutant[] = [
  {
    name: 'blocks the device after a failed replace',
    of: vtd,
    caughtBy: FOREIGN,
    spoil: (backend) =>
      patch(backend, 'attach', (original) => (device, domain, pasid) => {
        const errno = original(device, domain, pasid);
        if (errno !== 0) backend.detach(device);
        return errno;
      }),
  },
  {
    name: 'says that any domain is attached',
    of: arm,
    caughtBy: 'attachment: a device whose first domain is refused stays blocked, and takes another one',
    spoil: (backend) =>
      patch(backend, 'attach', (original) => (...call) => {
        const errno = original(...call);
        return errno === Errno.EINVAL ? 0 : errno;
      }),
  },
  {
    name: 'does not block a detached device',
    of: amd,
    caughtBy: 'attachment: a detached device is blocked, also where it has just been',
    spoil: (backend) => patch(backend, 'detach', () => () => undefined),
  },
  {
    name: 'blocks all devices when one is detached',
    of: arm,
    caughtBy: 'devices: a device that leaves a domain is blocked, and the one that stays is not disturbed',
    spoil: (backend) => {
      const known: Parameters<typeof backend.addDevice>[0][] = [];
      patch(backend, 'addDevice', (original) => (device) => {
        known.push(device);
        return original(device);
      });
      patch(backend, 'detach', (original) => () => {
        for (const device of known) original(device);
      });
    },
  },
  {
    name: 'keeps answers of its own that only an unmap drops',
    of: vtd,
    caughtBy: 'attachment: a device that changes its domain sees the new one and nothing of the old',
    spoil: (backend, environment) => {
      const kept = new Map<string, readonly [number, number]>();
      unit((hardware) =>
        patch(hardware, 'translate', (original) => (requesterId, pasid, hi, lo, access) => {
          const key = [requesterId, pasid, hi, lo].join();
          const answer = kept.get(key);
          if (answer === undefined) {
            const isAllowed = original(requesterId, pasid, hi, lo, access);
            if (isAllowed) kept.set(key, [hardware.translation.paHi, hardware.translation.paLo]);
            return isAllowed;
          }
          [hardware.translation.paHi, hardware.translation.paLo] = answer;
          return true;
        }),
      )(backend, environment);
      domains((domain) =>
        patch(domain, 'syncUnmap', (original) => (gather) => {
          kept.clear();
          original(gather);
        }),
      )(backend, environment);
    },
  },
  {
    name: 'attaches the device when a PASID is asked for',
    of: vtd,
    caughtBy: 'PASIDs: a PASID goes through its own domain, others and requests without one do not',
    spoil: (backend) => patch(backend, 'attach', (original) => (device, domain) => original(device, domain)),
  },
  {
    name: 'takes a PASID that is too wide',
    of: vtd,
    caughtBy: 'PASIDs: a PASID beyond the width is refused with EINVAL',
    spoil: (backend) =>
      patch(
        backend,
        'attach',
        (original) => (device, domain, pasid) =>
          original(device, domain, pasid === undefined ? undefined : Math.min(pasid, 7)),
      ),
  },
  {
    name: 'detaches the device together with its PASID',
    of: vtd,
    caughtBy: 'PASIDs: a detached PASID is blocked, and the device without PASID goes on',
    spoil: (backend) =>
      patch(backend, 'detach', (original) => (device, pasid) => {
        original(device);
        original(device, pasid);
      }),
  },
  {
    name: 'lets reserved regions end one byte late',
    of: amd,
    caughtBy: 'reserved regions: the regions are inclusive ranges of whole pages that do not overlap',
    spoil: (backend) =>
      patch(
        backend,
        'reservedRegions',
        (original) => (device) => original(device).map((region) => ({ ...region, last: region.last + 1n })),
      ),
  },
  {
    name: 'hands its own hardware information out',
    of: vtd,
    caughtBy: 'devices: what a backend says of a device is the same every time, and does not change while it is used',
    spoil: (backend) =>
      patch(backend, 'hwInfo', (original) => {
        let own: ReturnType<typeof original> | undefined;
        return (device) => (own ??= original(device));
      }),
  },
  {
    name: 'takes unreadable user data for zeros',
    of: vtd,
    caughtBy: 'nesting: data that cannot be read is refused with EFAULT',
    spoil: (backend) =>
      patch(
        backend,
        'allocNested',
        (original) => (device, parent, flags, data) => original(device, parent, flags, { ...data, read: () => true }),
      ),
  },
  {
    name: 'grants dirty tracking that it does not have',
    of: amdVi({ preset: 'qemu-q35-7.2' }),
    caughtBy: 'dirty tracking: a domain with dirty tracking is refused with EOPNOTSUPP',
    spoil: (backend) =>
      patch(backend, 'allocPaging', (original) => (device, _flags, data) => original(device, 0, data)),
  },
  {
    name: 'lets devices without a domain through untranslated',
    of: amd,
    caughtBy: 'attachment: a device that was just added is blocked',
    spoil: (backend, environment) => {
      const attached = new Set<number>();
      patch(backend, 'attach', (original) => (device, domain, pasid) => {
        attached.add(device.requesterId);
        return original(device, domain, pasid);
      });
      unit((hardware) =>
        patch(hardware, 'translate', (original) => (requesterId, pasid, hi, lo, access) => {
          if (attached.has(requesterId)) return original(requesterId, pasid, hi, lo, access);
          [hardware.translation.paHi, hardware.translation.paLo] = [hi, lo];
          return true;
        }),
      )(backend, environment);
    },
  },
  {
    name: 'looks at eight bits of a requester number',
    of: vtd,
    caughtBy: 'devices: requesters with the lowest and the highest number of a segment are told apart',
    spoil: unit((hardware) =>
      patch(
        hardware,
        'translate',
        (original) =>
          (requesterId, ...request) =>
            original(requesterId & 0xff, ...request),
      ),
    ),
  },
  {
    name: 'ignores address bits from 48 on',
    of: intelVtd({ preset: 'qemu-q35-48bit' }),
    caughtBy: 'boundaries: addresses beyond the aperture are no second names of those inside',
    spoil: unit((hardware) =>
      patch(
        hardware,
        'translate',
        (original) => (requesterId, pasid, hi, lo, access) => original(requesterId, pasid, hi & 0xffff, lo, access),
      ),
    ),
  },
  {
    name: 'drops the offset inside of a page',
    of: arm,
    caughtBy: ONE_PAGE,
    spoil: unit((hardware) =>
      patch(hardware, 'translate', (original) => (...request) => {
        const isAllowed = original(...request);
        hardware.translation.paLo &= -4096;
        return isAllowed;
      }),
    ),
  },
  {
    name: 'answers with the rights that were asked for',
    of: vtd,
    caughtBy: 'rights: an answer names the rights of its page',
    spoil: unit((hardware) =>
      patch(hardware, 'translate', (original) => (requesterId, pasid, hi, lo, access) => {
        const isAllowed = original(requesterId, pasid, hi, lo, access);
        hardware.translation.permissions = access;
        return isAllowed;
      }),
    ),
  },
  {
    name: 'checks rights in walks, not in cache hits',
    of: vtd,
    caughtBy: 'rights: a write is refused after reads have filled caches, and reads go on',
    spoil: unit((hardware) => {
      const read = new Set<string>();
      patch(hardware, 'translate', (original) => (requesterId, pasid, hi, lo, access) => {
        const isKnown = read.has([requesterId, pasid, hi, lo].join());
        const isAllowed = original(requesterId, pasid, hi, lo, isKnown ? Access.READ : access);
        if (isAllowed) read.add([requesterId, pasid, hi, lo].join());
        return isAllowed;
      });
    }),
  },
  {
    name: 'names another requester in its faults',
    of: arm,
    caughtBy: FAULT,
    spoil: unit((hardware) => spoilFault(hardware, (fault) => ({ ...fault, requesterId: fault.requesterId ^ 1 }))),
  },
  {
    name: 'calls every refused access a read',
    of: vtd,
    caughtBy: FAULT,
    spoil: unit((hardware) => spoilFault(hardware, (fault) => ({ ...fault, access: 'read' }))),
  },
  {
    name: 'says that a record was written, without it',
    of: amd,
    caughtBy: 'faults: a fault has a record exactly when it says that one was written',
    spoil: unit((hardware) => spoilFault(hardware, (fault) => ({ ...fault, record: [] }))),
  },
  {
    name: 'reports the first fault again and again',
    of: vtd,
    caughtBy: FAULT,
    spoil: unit((hardware) => {
      let first: HardwareFault | undefined;
      spoilFault(hardware, (fault) => (first ??= fault));
    }),
  },
  {
    name: 'does not count faults',
    of: amd,
    caughtBy: 'faults: requests and faults are counted, one each',
    spoil: unit((hardware) =>
      patch(hardware, 'translate', (original) => (...request) => {
        const isAllowed = original(...request);
        if (!isAllowed) hardware.counters.faults--;
        return isAllowed;
      }),
    ),
  },
  {
    name: 'fills its caches when it explains',
    of: vtd,
    caughtBy: 'faults: explaining counts nothing, records nothing and fills no cache',
    spoil: unit((hardware) =>
      patch(hardware, 'explain', (original) => (requesterId, pasid, iova, access) => {
        hardware.translate(requesterId, pasid, Number(iova >> 32n), Number(BigInt.asIntN(32, iova)), access);
        return original(requesterId, pasid, iova, access);
      }),
    ),
  },
  {
    name: 'explains writes as reads',
    of: amd,
    caughtBy: 'agreement: iovaToPhys, explain and translate agree on pages of every size and right, and around them',
    spoil: unit((hardware) =>
      patch(
        hardware,
        'explain',
        (original) => (requesterId, pasid, iova) => original(requesterId, pasid, iova, Access.READ),
      ),
    ),
  },
  {
    name: 'explains from memory of its own',
    of: arm,
    caughtBy: 'agreement: a change of the last entry of a walk, made behind the driver, changes the explanation',
    spoil: unit((hardware) => {
      const told = new Map<bigint, ReturnType<typeof hardware.explain>>();
      patch(hardware, 'explain', (original) => (requesterId, pasid, iova, access) => {
        const walk = told.get(iova) ?? original(requesterId, pasid, iova, access);
        told.set(iova, walk);
        return walk;
      });
    }),
  },
  {
    name: 'sends every ninety-seventh request to the next page',
    of: vtd,
    caughtBy: 'random use: two devices and two domains, seed 1',
    spoil: unit((hardware) =>
      patch(hardware, 'translate', (original) => (...request) => {
        const isAllowed = original(...request);
        if (hardware.counters.translations % 97 === 0) hardware.translation.paLo += 4096;
        return isAllowed;
      }),
    ),
  },
];

function spoilFault(
  hardware: Parameters<Parameters<typeof unit>[0]>[0],
  change: (fault: HardwareFault) => HardwareFault,
): void {
  patch(hardware, 'translate', (original) => (...request) => {
    const isAllowed = original(...request);
    const { fault } = hardware.translation;
    if (!isAllowed && fault !== null) hardware.translation.fault = change(fault);
    return isAllowed;
  });
}
