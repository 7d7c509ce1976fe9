import { hex, type FidelityFeature } from '@ioasis/core';
import { plural } from '../plural.js';
import { paint, type Terminal } from '../terminal.js';
import type { Vendor } from '../vendors.js';
import type { InstalledPlatform } from './inventory.js';

/** A backend with its platforms. */
export interface Installed {
  readonly vendor: Vendor;
  readonly platforms: readonly InstalledPlatform[];
}

const UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E'];

/** `4K`, `2M` for each page size of a bitmap. */
export function pageSizeNames(bitmap: bigint): readonly string[] {
  const shifts = Array.from({ length: 64 }, (_, shift) => shift).filter(
    (shift) => ((bitmap >> BigInt(shift)) & 1n) === 1n,
  );
  return shifts.map((shift) => `${2 ** (shift % 10)}${UNITS[Math.floor(shift / 10)] ?? ''}`);
}

/** Of many page sizes the first and the last. */
function pageSizesText(bitmap: bigint): string {
  const names = pageSizeNames(bitmap);
  return names.length > 6 ? `${names[0]} to ${names.at(-1)}, every power of two` : names.join(', ');
}

const counted = (features: readonly FidelityFeature[], state: FidelityFeature['state']): number =>
  features.filter((feature) => feature.state === state).length;

function platformLines(terminal: Terminal, platform: InstalledPlatform): string[] {
  const { capabilities, fidelity } = platform;
  const can = [
    platform.nesting ? 'nesting' : '',
    capabilities.dirtyTracking ? 'dirty tracking' : '',
    capabilities.maxPasidLog2 > 0 ? `PASIDs of ${capabilities.maxPasidLog2} bits` : '',
    platform.pageRequests ? 'page requests' : '',
    capabilities.enforceCacheCoherency ? 'enforced coherency' : '',
    capabilities.cacheCoherency ? '' : 'not coherent',
  ].filter(Boolean);
  const lines = [
    `  ${paint(terminal, 'bold', platform.preset ?? 'the only platform')}`,
    `    IOVAs         ${hex(platform.aperture.start)} to ${hex(platform.aperture.last)}`,
    `    pages         ${pageSizesText(platform.pageSizes)}`,
    `    capabilities  ${can.join(', ') || 'mapping alone'}`,
  ];
  for (const { start, last, kind } of platform.reserved) {
    lines.push(`    reserved      ${hex(start)} to ${hex(last)} (${kind})`);
  }
  const states = (['modelled', 'part', 'absent'] as const).map((state) => `${counted(fidelity, state)} ${state}`);
  lines.push(`    fidelity      ${fidelity.length === 0 ? 'claims nothing' : states.join(', ')}`);
  return lines;
}

const colours = { modelled: 'green', part: 'yellow', absent: 'dim' } as const;

function ladderLines(terminal: Terminal, features: readonly FidelityFeature[]): string[] {
  return features.map(({ level, feature, state, note }) => {
    const name = `${paint(terminal, colours[state], state.padEnd(8))}  ${feature}`;
    return `      ${level}  ${name}${note === undefined ? '' : ` (${note})`}`;
  });
}

/** Backends for a person. @param ladder whether to print every feature */
export function backendLines(terminal: Terminal, installed: readonly Installed[], ladder: boolean): string {
  const lines = installed.flatMap(({ vendor, platforms }) => [
    `${paint(terminal, 'bold', vendor.id)}: ${vendor.title}, ${plural(platforms.length, 'platform')}`,
    ...platforms.flatMap((platform) => [
      ...platformLines(terminal, platform),
      ...(ladder ? ladderLines(terminal, platform.fidelity) : []),
    ]),
  ]);
  return `${lines.join('\n')}\n`;
}

/** Backends for a machine; addresses and sizes as hex texts. */
export const backendJson = (installed: readonly Installed[]): object =>
  installed.map(({ vendor, platforms }) => ({
    id: vendor.id,
    title: vendor.title,
    platforms: platforms.map(({ aperture, pageSizes, reserved, ...rest }) => ({
      ...rest,
      aperture: { start: hex(aperture.start), last: hex(aperture.last) },
      pageSizes: pageSizeNames(pageSizes),
      reserved: reserved.map(({ start, last, kind }) => ({ start: hex(start), last: hex(last), kind })),
    })),
  }));
