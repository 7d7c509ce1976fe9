import { IotlbGather, type BackendDefinition, type IommuDomain } from '@ioasis/core';

/** A backend whose domains lose the last page of a map call that has several. */
export function losingBackend(sound: BackendDefinition): BackendDefinition {
  return {
    ...sound,
    create: (environment) => {
      const backend = sound.create(environment);
      const allocPaging = backend.allocPaging.bind(backend);
      backend.allocPaging = (device, flags, data) => {
        const domain = allocPaging(device, flags, data);
        if (typeof domain !== 'number') loseLastPages(domain);
        return domain;
      };
      return backend;
    },
  };
}

function loseLastPages(domain: IommuDomain): void {
  const mapPages = domain.mapPages.bind(domain);
  domain.mapPages = (iovaHi, iovaLo, paHi, paLo, pageShift, count, prot) => {
    const errno = mapPages(iovaHi, iovaLo, paHi, paLo, pageShift, count, prot);
    if (errno !== 0 || count === 1) return errno;
    const last = (iovaLo >>> 0) + (count - 1) * 2 ** pageShift;
    const gather = new IotlbGather();
    domain.unmapPages((iovaHi + Math.floor(last / 2 ** 32)) | 0, last | 0, pageShift, 1, gather);
    domain.syncUnmap(gather);
    return 0;
  };
}
