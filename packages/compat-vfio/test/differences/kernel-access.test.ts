import { IommufdAccess, IommufdContext, VfioExtension } from '@ioasis/core';
import { expect, it } from 'vitest';
import { differenceTable } from '../../src/index.js';
import { BUFFER, codeOf, must, TestMachine } from '../support/vfio-machine.js';

const ROW = differenceTable.find(({ id }) => id === '28')!;
const page = { vaddr: BUFFER, iova: 0x1000n, size: 0x1000n };

/**
 * A container whose IOAS a part of the kernel has pages of pinned, as a mediated device does. Mediated devices themselves are not modelled,
 * so the classic container's column of this row cannot show.
 */
function pinned(givesBackAt: number): { asked: number; unmap: () => string; pins: () => number } {
  const test = new TestMachine();
  const { container } = test.container1(VfioExtension.TYPE1V2);
  must(container.mapDma(page));
  const context = test.process.fileOf(container.fd);
  if (!(context instanceof IommufdContext)) throw new Error('the container is not an iommufd');
  const report = {
    asked: 0,
    unmap: () => codeOf(container.unmapDma(page).result),
    pins: () => test.machine.pages.pinCount,
  };
  const access: IommufdAccess = must(
    IommufdAccess.create(context.state, {
      pinsPages: true,
      unmap: () => {
        if (++report.asked === givesBackAt) access.unpin(page.iova, page.size);
      },
    }),
  );
  must(access.attach(context.compat.ioasId!));
  must(access.pin(page.iova, page.size, true));
  return report;
}

it(`row 28, ${ROW.topic}: iommufd: ${ROW.iommufd}`, () => {
  const patient = pinned(100);
  expect(patient.pins()).toBe(1);
  expect(patient.unmap()).toBe('ok');
  expect([patient.asked, patient.pins()]).toEqual([100, 0]);

  const stubborn = pinned(-1);
  expect(stubborn.unmap()).toBe('ACCESS_KEEPS_PAGES');
  expect([stubborn.asked, stubborn.pins()]).toEqual([101, 1]);
});
