import nodeTest from 'node:test';
import type { BackendDefinition } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import {
  backendConformance,
  conformanceCases,
  ConformanceError,
  conformanceLines,
  mockBackend,
  runConformance,
  type ConformanceApi,
} from '../../src/index.js';

/** The mock, whose unit sends every request a page too far. */
const broken: BackendDefinition = {
  ...mockBackend(),
  create: (environment) => {
    const backend = mockBackend().create(environment);
    const unit = backend.unitOf({ name: '', segment: 0, requesterId: 8, group: { id: 0 } });
    const translate = unit.translate.bind(unit);
    unit.translate = (requesterId, pasid, hi, lo, access) => {
      const isAllowed = translate(requesterId, pasid, hi, lo, access);
      if (lo !== 0x4000_0000) unit.translation.paLo += 0x800;
      return isAllowed;
    };
    return backend;
  },
};

describe('backendConformance', () => {
  it('needs no more of a runner than describe and it: names in, bodies that throw out', () => {
    const names: string[] = [];
    const thrown: unknown[] = [];
    const path: string[] = [];
    const api: ConformanceApi = {
      describe: (name, body) => {
        path.push(name);
        body();
        path.pop();
      },
      it: (name, body) => {
        names.push([...path, name].join(' > '));
        try {
          body();
        } catch (error) {
          thrown.push(error);
        }
      },
    };
    backendConformance(api, broken);
    expect(names).toContain('mock conforms > boundaries > the first page of the aperture');
    expect(thrown.length).toBeGreaterThan(10);
    expect(thrown[0]).toBeInstanceOf(ConformanceError);
  });

  it("fits the types of node's own test runner", () => {
    const api: ConformanceApi = { describe: nodeTest.describe, it: nodeTest.it };
    expect(Object.keys(api)).toEqual(['describe', 'it']);
  });

  it('gives every case a name of its own', () => {
    const names = conformanceCases(mockBackend()).map(({ area, name }) => `${area}: ${name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('puts the gap into the name of a case that asks for less', () => {
    const names: string[] = [];
    backendConformance({ describe: (_name, body) => body(), it: (name) => names.push(name) }, mockBackend());
    expect(names).toContain(
      'a read-only page can be written (rights are not kept: the mock notes where pages are, not what they allow)',
    );
  });

  it('fails a deviation that is declared and not there', () => {
    const declared: BackendDefinition = {
      ...mockBackend(),
      deviations: [...(mockBackend().deviations ?? []), { clause: 'tracking-off', why: 'so that nobody looks at it' }],
    };
    const failed = runConformance(declared).results.filter(({ error }) => error !== undefined);
    expect(failed.map(({ name }) => name)).toEqual(['dirty pages are read also while tracking is off']);
  });
});

describe('a report', () => {
  it('counts by area, lists gaps, and says of each failure what was expected and found', () => {
    const lines = conformanceLines(runConformance(broken));
    expect(lines).toMatch(/^mock: \d+ of \d+ cases pass\n {2}pages: \d+ of \d+\n/);
    expect(lines).toContain('\ndeclared gaps:\n  rights are not kept');
    expect(lines).toMatch(/failed:\n {2}pages: .*\n {4}ConformanceError: where a read .*: expected 0x\w+, found 0x\w+/);
  });

  it('says what the backend claims not to model', () => {
    const modest: BackendDefinition = {
      ...mockBackend(),
      fidelity: [
        { level: 1, feature: 'pages', state: 'modelled' },
        { level: 2, feature: 'faults', state: 'part', note: 'no queue' },
        { level: 3, feature: 'ATS', state: 'absent' },
      ],
    };
    expect(conformanceLines(runConformance(modest))).toContain(
      'not modelled, or in part:\n  level 2, part: faults (no queue)\n  level 3, absent: ATS\n',
    );
  });

  it('of a backend that conforms has no failures', () => {
    const report = runConformance(mockBackend());
    expect(report.results.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(conformanceLines(report)).not.toContain('failed:');
  });
});
