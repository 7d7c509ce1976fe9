import {
  createMachine,
  HwptFlag,
  type BackendDefinition,
  type DeviceCapabilities,
  type FidelityFeature,
  type Range64,
  type ReservedRegion,
} from '@ioasis/core';
import { EduDevice } from '@ioasis/testkit';
import type { Vendor } from '../vendors.js';

/** What one platform of a backend is. */
export interface InstalledPlatform {
  /** undefined: the backend has no presets. */
  readonly preset: string | undefined;
  readonly capabilities: DeviceCapabilities;
  readonly nesting: boolean;
  readonly pageRequests: boolean;
  /** Inclusive IOVAs of a new paging domain. */
  readonly aperture: Range64;
  /** OR of page sizes, bytes, of a new paging domain. */
  readonly pageSizes: bigint;
  readonly reserved: readonly ReservedRegion[];
  readonly fidelity: readonly FidelityFeature[];
}

/** What one platform answers about an ordinary device behind it. */
function look(definition: BackendDefinition, preset: string | undefined): InstalledPlatform {
  const machine = createMachine({
    backend: definition,
    devices: [{ function: new EduDevice(), address: '0000:00:01.0', group: 1 }],
  });
  const { backend } = machine;
  const device = machine.devices[0]!.iommu;
  const domain = backend.allocPaging(device, 0, undefined);
  if (typeof domain === 'number') throw new Error(`${definition.id} refuses an ordinary domain: errno ${domain}`);
  return {
    preset,
    capabilities: backend.capabilitiesOf(device),
    nesting: typeof backend.allocPaging(device, HwptFlag.NEST_PARENT, undefined) !== 'number',
    pageRequests: backend.reportPageResponse !== undefined,
    aperture: domain.aperture,
    pageSizes: domain.pageSizes,
    reserved: backend.reservedRegions(device),
    fidelity: definition.fidelity ?? [],
  };
}

/** Every platform of a vendor. */
export const platformsOf = (vendor: Vendor): readonly InstalledPlatform[] =>
  vendor.presets.length === 0
    ? [look(vendor.make(), undefined)]
    : vendor.presets.map((preset) => look(vendor.make(preset), preset));
