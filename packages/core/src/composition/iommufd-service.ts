import { right } from 'fp-ts/lib/Either.js';
import { IommufdContext } from '../iommufd/index.js';
import type { MachineService } from './machine-service.js';

/** `/dev/iommu`, which every machine has, and the way of page requests from the backend to its fault queues. */
export const iommufdService: MachineService = {
  id: 'iommufd',
  start({ namespace, iommufd, backend }) {
    namespace.register('/dev/iommu', () => right(new IommufdContext(iommufd, 'user')));
    backend.onPageRequest = (request) => iommufd.pageRequests.report(backend, request);
    return { liveObjects: () => [...iommufd.contexts].flatMap((context) => context.objectNames()) };
  },
};
