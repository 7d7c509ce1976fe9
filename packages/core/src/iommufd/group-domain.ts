import type { IommuBackend, IommuDomain, IommuGroup, NestedDomain } from '../domain/index.js';
import { Errno } from '../errno/index.js';
import type { IommufdEnvironment } from './environment.js';

type AnyDomain = IommuDomain | NestedDomain;

/*
 * A domain is attached to all devices of a group, also to those that nobody bound: the hardware cannot tell them apart
 * (drivers/iommu/iommu.c, __iommu_group_set_domain_internal).
 */

/**
 * Puts every device of a group on a domain; `old` is where they are now, undefined: blocked. On failure all are back on `old`.
 * @returns 0 or the errno number of the backend
 */
export function setGroupDomain(
  environment: IommufdEnvironment,
  backend: IommuBackend,
  group: IommuGroup,
  domain: AnyDomain,
  old: AnyDomain | undefined,
): number {
  const moved = [];
  for (const device of environment.groupMembers(group)) {
    const errno = environment.failure?.fails('backend') === true ? Errno.ENOMEM : backend.attach(device, domain);
    if (errno !== 0) {
      for (const earlier of moved) {
        if (old === undefined) backend.detach(earlier);
        else backend.attach(earlier, old);
      }
      return errno;
    }
    moved.push(device);
  }
  return 0;
}

/** Blocks DMA of every device of a group. */
export function blockGroup(environment: IommufdEnvironment, backend: IommuBackend, group: IommuGroup): void {
  for (const device of environment.groupMembers(group)) backend.detach(device);
}
