import { NO_PASID, type IommuBackend, type TranslationUnit } from '@ioasis/core';
import { Numbering, tapDomain, type DomainListener } from './domain-tap.js';
import type { EventStream } from './event-stream.js';
import { intercept } from './intercept.js';

/** Told of what a backend shows of itself. */
export interface BackendListener extends DomainListener {
  /** A device was added: this is its unit. The same unit may come again. */
  unit(unit: TranslationUnit, requesterId: number): void;
}

/** Puts the calls that core makes to a backend, and to the domains that it gets from it, into a stream. */
export function tapBackend(backend: IommuBackend, stream: EventStream, listener: BackendListener): void {
  const domains = new Numbering();
  const gathers = new Numbering();
  const call = <A>(name: string, detail: string, body: () => A): A => stream.run({ name, detail, by: 'driver' }, body);
  intercept(
    backend,
    'allocPaging',
    (allocPaging) => (device, flags, data) =>
      call('allocPaging', device.name, () => {
        const domain = allocPaging(device, flags, data);
        if (typeof domain !== 'number') tapDomain(domain, domains.of(domain), stream, gathers, listener);
        return domain;
      }),
  );
  if (hasNesting(backend)) {
    intercept(
      backend,
      'allocNested',
      (allocNested) => (device, parent, flags, data) =>
        call('allocNested', device.name, () => {
          const domain = allocNested(device, parent, flags, data);
          if (typeof domain === 'number') return domain;
          intercept(
            domain,
            'invalidate',
            (invalidate) => (entries) => call('invalidate', '', () => invalidate(entries)),
          );
          return domain;
        }),
    );
  }
  intercept(
    backend,
    'addDevice',
    (addDevice) => (device) =>
      call('addDevice', device.name, () => {
        const errno = addDevice(device);
        if (errno === 0) listener.unit(backend.unitOf(device), device.requesterId);
        return errno;
      }),
  );
  intercept(
    backend,
    'removeDevice',
    (removeDevice) => (device) => call('removeDevice', device.name, () => removeDevice(device)),
  );
  intercept(
    backend,
    'attach',
    (attach) => (device, domain, pasid) =>
      call('attach', device.name, () => {
        const errno = attach(device, domain, pasid);
        const { requesterId } = device;
        if (errno === 0)
          stream.emit({ kind: 'attach', requesterId, pasid: pasid ?? NO_PASID, domain: domains.of(domain) });
        return errno;
      }),
  );
  intercept(
    backend,
    'detach',
    (detach) => (device, pasid) =>
      call('detach', device.name, () => {
        detach(device, pasid);
        stream.emit({
          kind: 'attach',
          requesterId: device.requesterId,
          pasid: pasid ?? NO_PASID,
          domain: undefined,
        });
      }),
  );
}

const hasNesting = (backend: IommuBackend): backend is IommuBackend & Required<Pick<IommuBackend, 'allocNested'>> =>
  backend.allocNested !== undefined;
