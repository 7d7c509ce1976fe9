import { IommufdAccess, IommufdContext, Prot, VfioExtension } from '@ioasis/core';
import { expect } from 'vitest';
import { ClassicContainer } from '../../src/index.js';
import { BUFFER, codeOf, must, TestMachine } from '../support/vfio-machine.js';
import { row } from './columns.js';

const page = { vaddr: BUFFER, iova: 0x1000n, size: 0x1000n };

/** A container whose IOAS a mediated device has a page of pinned. @param givesBackAt at which notice it lets go; -1: never */
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

/** The same on the classic container. */
function pinnedOnType1(givesBackAt: number): { asked: number; unmap: () => string; pins: () => number } {
  const test = new TestMachine({ personality: 'type1' });
  const { container } = test.container1(VfioExtension.TYPE1V2);
  must(container.mapDma(page));
  const file = test.process.fileOf(container.fd);
  if (!(file instanceof ClassicContainer)) throw new Error('the container is not the classic one');
  const report = {
    asked: 0,
    unmap: () => codeOf(container.unmapDma(page).result),
    pins: () => test.machine.pages.pinCount,
  };
  const port = file.mediate({
    dmaUnmap: () => {
      if (++report.asked === givesBackAt) port.unpin(page.iova);
    },
  });
  must(port.pin(page.iova, Prot.READ | Prot.WRITE));
  return report;
}

row('28', {
  type1: () => {
    const patient = pinnedOnType1(10);
    expect(patient.pins()).toBe(2);
    expect(patient.unmap()).toBe('ok');
    expect([patient.asked, patient.pins()]).toEqual([10, 0]);

    const stubborn = pinnedOnType1(-1);
    expect(stubborn.unmap).toThrow('kernel BUG');
    expect([stubborn.asked, stubborn.pins()]).toEqual([11, 2]);
  },
  iommufd: () => {
    const patient = pinned(100);
    expect(patient.pins()).toBe(1);
    expect(patient.unmap()).toBe('ok');
    expect([patient.asked, patient.pins()]).toEqual([100, 0]);

    const stubborn = pinned(-1);
    expect(stubborn.unmap()).toBe('ACCESS_KEEPS_PAGES');
    expect([stubborn.asked, stubborn.pins()]).toEqual([101, 1]);
  },
});
