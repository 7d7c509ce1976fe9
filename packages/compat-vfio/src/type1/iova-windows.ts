import { rangesOverlap, type Range64, type ReservedRegion } from '@ioasis/core';

/**
 * The usable IOVAs of a classic container, sorted and without overlaps: the part of all apertures that no reserved region takes. Empty as
 * long as no IOMMU is behind the container; then every IOVA is allowed. Values are immutable: a change that fails must leave the old list.
 */
export type IovaWindows = readonly Range64[];

/** Regions that relax their claim once an IOMMU is set up stay usable. */
const isKeptOut = (region: ReservedRegion): boolean => region.kind !== 'direct-relaxable';

/** True when one window holds the whole range, or when there is no list (`vfio_iommu_iova_dma_valid`). */
export const windowsAllow = (windows: IovaWindows, start: bigint, last: bigint): boolean =>
  windows.length === 0 || windows.some((window) => start >= window.start && last <= window.last);

/**
 * Whether a new aperture cannot join: it shares nothing with the windows, or a mapping would lie outside of it
 * (`vfio_iommu_aper_conflict`).
 */
export function apertureConflicts(
  windows: IovaWindows,
  aperture: Range64,
  hasMapping: (start: bigint, bytes: bigint) => boolean,
): boolean {
  const first = windows[0];
  const last = windows.at(-1);
  if (first === undefined || last === undefined) return false;
  if (aperture.start > last.last || aperture.last < first.start) return true;
  if (aperture.start > first.start && hasMapping(first.start, aperture.start - first.start)) return true;
  return aperture.last < last.last && hasMapping(aperture.last + 1n, last.last - aperture.last);
}

/** Whether a mapping lies in a region that the group keeps for itself (`vfio_iommu_resv_conflict`). */
export const reservedConflicts = (
  regions: readonly ReservedRegion[],
  hasMapping: (start: bigint, bytes: bigint) => boolean,
): boolean => regions.some((region) => isKeptOut(region) && hasMapping(region.start, region.last - region.start + 1n));

/** The windows cut to an aperture (`vfio_iommu_aper_resize`). The caller checked {@link apertureConflicts}. */
export function cutToAperture(windows: IovaWindows, aperture: Range64): IovaWindows {
  if (windows.length === 0) return [{ start: aperture.start, last: aperture.last }];
  return windows
    .filter((window) => rangesOverlap(window, aperture))
    .map((window) => ({
      start: window.start > aperture.start ? window.start : aperture.start,
      last: window.last < aperture.last ? window.last : aperture.last,
    }));
}

/** The windows without the reserved regions (`vfio_iommu_resv_exclude`); empty when nothing is left. */
export function excludeReserved(windows: IovaWindows, regions: readonly ReservedRegion[]): IovaWindows {
  return regions.filter(isKeptOut).reduce<IovaWindows>(
    (left, region) =>
      left.flatMap((window) => {
        if (!rangesOverlap(window, region)) return [window];
        const pieces: Range64[] = [];
        if (region.start > window.start) pieces.push({ start: window.start, last: region.start - 1n });
        if (region.last < window.last) pieces.push({ start: region.last + 1n, last: window.last });
        return pieces;
      }),
    windows,
  );
}

/** The smallest range that all apertures share, `[0, 2^64 - 1]` without any (`vfio_iommu_aper_expand`). */
export function commonAperture(apertures: readonly Range64[]): Range64 {
  let start = 0n;
  let last = 0xffff_ffff_ffff_ffffn;
  for (const aperture of apertures) {
    if (aperture.start > start) start = aperture.start;
    if (aperture.last < last) last = aperture.last;
  }
  return { start, last };
}
