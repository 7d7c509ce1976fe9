import type { BackendDefinition } from '@ioasis/core';
import { mockBackend } from '@ioasis/testkit';

/** The mock, but a device that is detached goes on. */
const stickyMock: BackendDefinition = {
  ...mockBackend(),
  create: (environment) => {
    const backend = mockBackend().create(environment);
    backend.detach = () => undefined;
    return backend;
  },
};

export default stickyMock;
