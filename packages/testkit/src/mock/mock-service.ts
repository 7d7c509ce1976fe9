import type { IoctlFrame, IoResult, MachineService } from '@ioasis/core';
import { createAccess, destroyPages, pinPages, readWrite, replaceAccess } from './mock-access-ops.js';
import { MockBackend } from './mock-backend.js';
import { addReserved, checkIotlb, checkMap, checkRefs, markDirty, setTempMemoryLimit } from './mock-check-ops.js';
import { MockDeviceOps } from './mock-device-ops.js';
import { mockRefusals } from './refusals.js';
import { IOMMU_TEST_CMD, TEST_COMMAND_MIN_SIZE, TEST_COMMAND_SIZE, TestCommand, TestOp } from './test-command.js';

/**
 * What CONFIG_IOMMUFD_TEST adds to a kernel: IOMMU_TEST_CMD with its mock devices. Their IOMMU is the machine's own when that is the mock,
 * or one beside it.
 */
export const iommufdTest: MachineService = {
  id: 'iommufd-test',
  start({ backend, bus, iommufd }) {
    const devices = new MockDeviceOps(backend instanceof MockBackend ? backend : new MockBackend(), bus);
    iommufd.selfTest = true;
    iommufd.testIoctl = {
      request: IOMMU_TEST_CMD,
      size: TEST_COMMAND_SIZE,
      minSize: TEST_COMMAND_MIN_SIZE,
      handler: (frame) => dispatch(devices, frame),
    };
    return {};
  },
};

function dispatch(devices: MockDeviceOps, frame: IoctlFrame): IoResult<0> {
  const at = TestCommand.MOCK_DOMAIN.offsets;
  const op = frame.view.getUint32(at.op, true);
  switch (op) {
    case TestOp.ADD_RESERVED:
      return addReserved(frame);
    case TestOp.MOCK_DOMAIN:
      return devices.create(frame, 0);
    case TestOp.MOCK_DOMAIN_FLAGS:
      return devices.create(frame, frame.view.getUint32(at.dev_flags, true));
    case TestOp.MOCK_DOMAIN_REPLACE:
      return devices.replace(frame);
    case TestOp.MD_CHECK_MAP:
      return checkMap(frame);
    case TestOp.MD_CHECK_REFS:
      return checkRefs(frame);
    case TestOp.MD_CHECK_IOTLB:
      return checkIotlb(frame);
    case TestOp.CREATE_ACCESS:
      return createAccess(frame);
    case TestOp.ACCESS_REPLACE_IOAS:
      return replaceAccess(frame);
    case TestOp.ACCESS_PAGES:
      return pinPages(frame);
    case TestOp.ACCESS_RW:
      return readWrite(frame);
    case TestOp.DESTROY_ACCESS_PAGES:
      return destroyPages(frame);
    case TestOp.SET_TEMP_MEMORY_LIMIT:
      return setTempMemoryLimit(frame);
    case TestOp.DIRTY:
      return markDirty(frame);
    case TestOp.TRIGGER_IOPF:
      return devices.triggerPageRequest(frame);
    default:
      return mockRefusals.refuse('TEST_OP_UNKNOWN', { op });
  }
}
