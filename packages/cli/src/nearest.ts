/** How many letters must be changed, added or removed to make one text of another. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}

/** The known names that a mistyped one may mean, the nearest first: those that contain it, or that differ in few letters. */
export function nearest(name: string, known: readonly string[], most = 3): readonly string[] {
  const wanted = name.toUpperCase();
  const ranked = known.map((each) => {
    const other = each.toUpperCase();
    return { each, distance: wanted !== '' && other.includes(wanted) ? 0 : editDistance(wanted, other) };
  });
  const limit = Math.max(2, Math.floor(wanted.length / 2));
  return ranked
    .filter(({ distance }) => distance <= limit)
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, most)
    .map(({ each }) => each);
}

/** Reason and way out for a name that is not known. */
export function unknownName(
  what: string,
  name: string,
  known: readonly string[],
): readonly [reason: string, wayOut: string] {
  const close = nearest(name, known);
  const wayOut = close.length > 0 ? `did you mean ${close.join(', ')}?` : `known are ${known.join(', ')}`;
  return [`there is no ${what} ${name}`, wayOut];
}
