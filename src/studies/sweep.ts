import type { ResultFile, SweepFile } from "./result-schema.ts";

/** What is written of them: of one radius, its result as it is. */
export const resultsFile = (files: readonly ResultFile[]): ResultFile | SweepFile =>
  files.length === 1 ? files[0]! : { schema: 1, tool: "assay", runs: files };

/** Each once, the smallest first; sets that are given otherwise have none. */
export const rising = (epsilons: readonly (number | undefined)[]): (number | undefined)[] =>
  [...new Set(epsilons)].sort((a, b) => (a ?? 0) - (b ?? 0));

/** How closely the smallest radius is looked for. */
export interface Bisection {
  /** Most halvings of an input's bracket. */
  readonly bisections: number;
  /** A bracket that is no wider is not halved. */
  readonly tolerance: number;
}

/**
 * Halves the bracket of each input again and again, inputs of one radius together. What is on which side was found at that very
 * radius, so the ends hold whether or not the answers rise with it.
 *
 * @param gives which of the inputs are on the upper side of a radius; it keeps what it finds
 */
export async function bisect(
  positions: readonly number[],
  top: number,
  { bisections, tolerance }: Bisection,
  gives: (epsilon: number, positions: readonly number[]) => Promise<ReadonlySet<number>>,
): Promise<void> {
  const first = await gives(top, positions);
  // what is not on the upper side of the largest radius has no bracket
  let open: ReadonlyMap<number, { readonly low: number; readonly high: number }> = new Map(
    positions.flatMap((i) => (first.has(i) ? [[i, { low: 0, high: top }] as const] : [])),
  );
  for (let k = 0; k < bisections && open.size > 0; k++) {
    const groups = new Map<number, [number, { readonly low: number; readonly high: number }][]>();
    for (const own of open) {
      const middle = (own[1].low + own[1].high) / 2;
      groups.set(middle, [...(groups.get(middle) ?? []), own]);
    }
    const next = new Map<number, { readonly low: number; readonly high: number }>();
    for (const [middle, members] of [...groups].sort(([a], [b]) => a - b)) {
      const upper = await gives(
        middle,
        members.map(([i]) => i),
      );
      for (const [i, { low, high }] of members) {
        const own = upper.has(i) ? { low, high: middle } : { low: middle, high };
        if (own.high - own.low > tolerance) next.set(i, own);
      }
    }
    open = next;
  }
}
