/** Wall time of a body, ns. */
export function wallTime(body: () => void): number {
  const start = process.hrtime.bigint();
  body();
  return Number(process.hrtime.bigint() - start);
}

/**
 * The same without the time that other programs had the processor, for figures that are compared with nothing: time on the processor,
 * unless helpers of V8 on other processors make that the longer one.
 */
export function ownTime(body: () => void): number {
  const before = process.cpuUsage();
  const wall = wallTime(body);
  const { user, system } = process.cpuUsage(before);
  return Math.min(wall, (user + system) * 1000);
}
