import { describe, expect, it } from 'vitest';
import { Access, explainedWalk, iova, Translation, type HardwareFault } from '../../src/index.js';

const fault: HardwareFault = {
  vendor: 'some',
  code: 7,
  name: 'SEVEN',
  requesterId: 8,
  pasid: undefined,
  iova: iova(0x1000n),
  access: 'read',
  recorded: 'disabled',
  record: [],
  details: {},
};

describe('explainedWalk', () => {
  it('says where an allowed request goes, and with which rights', () => {
    const translation = Object.assign(new Translation(), {
      paHi: 1,
      paLo: 0x2345,
      pageShift: 21,
      permissions: Access.WRITE,
    });
    expect(explainedWalk([], translation, true)).toEqual({
      steps: [],
      pa: 0x1_0000_2345n,
      pageBytes: 0x20_0000n,
      readable: false,
      writable: true,
      fault: undefined,
    });
  });

  it('says what a refused one faults with', () => {
    const translation = Object.assign(new Translation(), { fault });
    expect(explainedWalk([], translation, false)).toMatchObject({ pa: undefined, fault: { code: 7, name: 'SEVEN' } });
  });
});
