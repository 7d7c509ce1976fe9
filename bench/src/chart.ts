import type { Verdict } from './verdicts.js';

const WIDTH = 720;
const ROW = 22;
const LABEL = 250;
const TOP = 40;
/** Times the goal at the right edge. */
const MOST = 4;

/** A bar per goal: the worst unit's value in times the goal, a line where the goal is. */
export function chart(judged: readonly Verdict[]): string {
  const worst = new Map<string, Verdict>();
  for (const verdict of judged) {
    const key = `${verdict.id} ${verdict.title}`;
    const known = worst.get(key);
    if (known === undefined || (verdict.value ?? 0) > (known.value ?? 0)) worst.set(key, verdict);
  }
  const scale = (times: number): number => LABEL + (Math.min(times, MOST) / MOST) * (WIDTH - LABEL - 60);
  const rows = [...worst].map(([name, { value, goal, unit, met }], index) => {
    const y = TOP + index * ROW;
    const times = value === null ? 0 : value / goal;
    const text = value === null ? 'not measured' : `${times.toFixed(2)} (${unit})`;
    return [
      `<text x="${LABEL - 8}" y="${y + 14}" text-anchor="end">${name.replaceAll('&', '&amp;')}</text>`,
      `<rect x="${LABEL}" y="${y + 3}" width="${(scale(times) - LABEL).toFixed(1)}" height="${ROW - 6}" fill="${met ? '#4c9a62' : '#c7823b'}"/>`,
      `<text x="${(scale(times) + 4).toFixed(1)}" y="${y + 14}">${text}</text>`,
    ].join('\n');
  });
  const height = TOP + worst.size * ROW + 12;
  const goal = scale(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="${LABEL}" y="18" font-size="13">Cost in times the goal, on the unit where it is highest</text>`,
    ...rows,
    `<line x1="${goal}" y1="${TOP - 8}" x2="${goal}" y2="${height - 8}" stroke="#333333" stroke-dasharray="3 3"/>`,
    '</svg>',
    '',
  ].join('\n');
}
