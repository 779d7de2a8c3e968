/**
 * Divides what there is among those who want it: nobody gets more than they want, and nobody who
 * gets less than they want gets less than another.
 * @param demands what each wants, not negative
 * @param room whole units that there are
 */
export function fairShares<K>(demands: ReadonlyMap<K, number>, room: number): Map<K, number> {
  const shares = new Map<K, number>();
  let left = room;
  let waiting = demands.size;
  for (const [who, demand] of [...demands].sort(([, a], [, b]) => a - b)) {
    const share = Math.min(demand, Math.floor(left / waiting));
    shares.set(who, share);
    left -= share;
    waiting--;
  }
  return shares;
}
