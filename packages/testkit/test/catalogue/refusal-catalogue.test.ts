import { describe, expect, it } from 'vitest';
import { differenceTable } from '@ioasis/compat-vfio';
import { iommufdIoctls, vfioIoctls, VfioRequest } from '@ioasis/core';
import { ioctlsOf, refusalCatalogue, replayTrace } from '@ioasis/testkit';
import { recording, side } from '../diff/sides.js';

const catalogue = refusalCatalogue();

describe('the catalogue of refusals', () => {
  it('knows for every code of core, VFIO and the mock where it shows', () => {
    const rooms = new Set(catalogue.map(({ room }) => room));
    for (const room of ['iommufd', 'io-pagetable', 'process', 'memory', 'compat-vfio', 'compat-vfio/type1', 'mock']) {
      expect([...rooms], room).toContain(room);
    }
    const own = catalogue.filter(({ room }) => !room.startsWith('hw-'));
    expect(own.length).toBeGreaterThan(250);
    expect(own.filter(({ ioctls }) => ioctls.length === 0).map(({ code }) => code)).toEqual([]);
  });

  it('declares every code that the difference table names', () => {
    const declared = new Set(catalogue.map(({ code }) => code));
    const named = differenceTable.flatMap(({ type1Codes, iommufdCodes }) => [...type1Codes, ...iommufdCodes]);
    expect(named.filter((code) => !declared.has(code))).toEqual([]);
  });

  it('names ioctls as the headers do', () => {
    const requests = Object.keys(VfioRequest).map((name) => `VFIO_${name}`);
    const structs = [...iommufdIoctls, ...vfioIoctls].map(({ name }) => name);
    const names = new Set([...structs, ...requests, 'IOMMU_TEST_CMD']);
    const named = catalogue.flatMap(({ ioctls }) => ioctls).filter((ioctl) => /^(IOMMU|VFIO)_/.test(ioctl));
    expect(named.filter((name) => !names.has(name))).toEqual([]);
  });

  it('says of every ioctl only what descriptors and dispatch refuse', () => {
    const of = (where: string): string[] =>
      catalogue.filter(({ ioctls }) => ioctls.includes(where)).map(({ code }) => code);
    expect(of('any ioctl')).toEqual(['FD_CLOSED', 'FILE_NO_IOCTL', 'FILE_NO_COMPAT_IOCTL']);
    expect(of('any ioctl of a VFIO device')).toEqual(['DEVICE_NOT_OPEN']);
    for (const code of of('any ioctl of a VFIO file')) expect(code).toMatch(/^VFIO_/);
    for (const code of of('any ioctl of /dev/iommu')) expect(code).toMatch(/^IOCTL_/);
  });

  it('keeps read, write and mmap apart from ioctls', () => {
    expect(ioctlsOf('FILE_NO_READ')).toEqual(['read', 'pread']);
    expect(ioctlsOf('FILE_NO_WRITE')).toEqual(['write', 'pwrite']);
    expect(ioctlsOf('FILE_NO_MMAP')).toEqual(['mmap']);
    expect(ioctlsOf('EVENTFD_FULL')).toEqual(['write']);
  });

  it('has more than twelve meanings of EINVAL for a map', () => {
    const maps = ['IOMMU_IOAS_MAP', 'VFIO_IOMMU_MAP_DMA'];
    const meanings = catalogue.filter((it) => it.errno === 'EINVAL' && it.ioctls.some((name) => maps.includes(name)));
    expect(meanings.length).toBeGreaterThan(12);
  });

  it('tells of the row in which a code differs between the personalities', () => {
    expect(catalogue.find(({ code }) => code === 'TYPE1_MAP_NO_ACCESS')).toMatchObject({
      errno: 'EINVAL',
      rows: ['17'],
    });
  });

  it('names the ioctls that recordings saw a code from', () => {
    const missing = new Set<string>();
    const traces = ['iommufd/native', 'device/type1-vtd-aw39'].map((name) => `traces/${name}.jsonl.gz`);
    for (const path of traces) {
      const trace = recording(path);
      const personality = trace.header.vfio_vfio_provider === 'iommufd' ? 'iommufd' : 'type1';
      const { make } = side(path, { personality, backend: trace.header.machine === 'none' ? 'mock' : 'intel-vtd' });
      replayTrace(trace, make, {}, ({ step, outcome }) => {
        const code = outcome.refusal?.code;
        if (code === undefined || step.op !== 'ioctl' || !/^(IOMMU|VFIO)_/.test(step.cmd)) return;
        const name = step.cmd.startsWith('IOMMU_TEST_OP') ? 'IOMMU_TEST_CMD' : step.cmd;
        const known = ioctlsOf(code);
        if (!known.includes(name) && !known.some((it) => it.startsWith('any'))) missing.add(`${code}: ${name}`);
      });
    }
    expect([...missing]).toEqual([]);
  });
});
