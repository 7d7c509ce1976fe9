import type { BackendDefinition, BackendEnvironment, IommuBackend, IommuDomain, TranslationUnit } from '@ioasis/core';

/** A backend that is broken in one way. */
export interface Mutant {
  /** What it does wrong. */
  readonly name: string;
  /** The good backend. */
  readonly of: BackendDefinition;
  /** The case that must fail, `area: name`. */
  readonly caughtBy: string;
  readonly spoil: (backend: IommuBackend, environment: BackendEnvironment) => void;
}

/** The definition of the broken backend. */
export const definitionOf = ({ of, spoil }: Mutant): BackendDefinition => ({
  ...of,
  create: (environment) => {
    const backend = of.create(environment);
    spoil(backend, environment);
    return backend;
  },
});

type Method = (...given: never[]) => unknown;

/** Replaces a method of one object; the new one is given the old one. */
export function patch<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  make: (original: NonNullable<Owner[Name]>) => Owner[Name],
): void {
  const original = (owner[name] as Method).bind(owner) as NonNullable<Owner[Name]>;
  owner[name] = make(original);
}

/** Spoils every paging domain of a backend. */
export const domains =
  (spoil: (domain: IommuDomain, environment: BackendEnvironment) => void): Mutant['spoil'] =>
  (backend, environment) =>
    patch(backend, 'allocPaging', (original) => (device, flags, data) => {
      const domain = original(device, flags, data);
      if (typeof domain !== 'number') spoil(domain, environment);
      return domain;
    });

/** Spoils the unit of a backend with one unit. */
export const unit =
  (spoil: (unit: TranslationUnit) => void): Mutant['spoil'] =>
  (backend) =>
    spoil(backend.unitOf({ name: '0000:00:01.0', segment: 0, requesterId: 8, group: { id: 0 } }));
