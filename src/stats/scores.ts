/** @file Scores of two groups in one order: what the area under the ROC curve and its tests are counted from. */

type Numbers = ArrayLike<number>;

/** Scores of positives (first) and negatives (after them) by rising score, equal ones together. */
export interface ScoreOrder {
  readonly positives: number;
  readonly negatives: number;
  /** Positions 0 … positives + negatives − 1 by rising score. */
  readonly order: Int32Array;
  /** Length of `order`: the last place of each place's run of equal scores. */
  readonly tieEnd: Int32Array;
}

/** @throws RangeError for an empty group or a NaN */
export function orderScores(positives: Numbers, negatives: Numbers): ScoreOrder {
  if (positives.length === 0 || negatives.length === 0)
    throw new RangeError(
      `comparing two groups needs scores of both, got ${positives.length} positive and ${negatives.length} negative.`,
    );
  const values = new Float64Array(positives.length + negatives.length);
  values.set(Array.from(positives));
  values.set(Array.from(negatives), positives.length);
  if (values.some(Number.isNaN)) throw new RangeError("scores that are NaN have no rank; leave them out, and say so.");
  // Not by difference: ∞ − ∞ is NaN.
  const order = Int32Array.from(values.keys()).sort((a, b) =>
    values[a]! < values[b]! ? -1 : values[a]! > values[b]! ? 1 : 0,
  );
  const tieEnd = new Int32Array(order.length);
  for (let k = order.length - 1; k >= 0; k--) {
    const tied = k + 1 < order.length && values[order[k]!] === values[order[k + 1]!];
    tieEnd[k] = tied ? tieEnd[k + 1]! : k;
  }
  return { positives: positives.length, negatives: negatives.length, order, tieEnd };
}

/**
 * P(positive > negative) + ½ P(positive = negative) where each position counts as often as its weight says.
 * @param weights one a position of the order; both groups have a positive sum
 */
export function weightedArea({ order, tieEnd, positives }: ScoreOrder, weights: Numbers): number {
  let [area, below, all] = [0, 0, 0];
  for (let from = 0; from < order.length; ) {
    const to = tieEnd[from]!;
    let [ones, zeros] = [0, 0];
    for (let k = from; k <= to; k++) {
      const place = order[k]!;
      if (place < positives) ones += weights[place]!;
      else zeros += weights[place]!;
    }
    area += ones * (below + zeros / 2);
    below += zeros;
    all += ones;
    from = to + 1;
  }
  return area / (below * all);
}

/**
 * For each position, the share of the other group that it beats, ties half: for positives the negatives below, for
 * negatives the positives above. Their mean over either group is the area.
 * @source DeLong, DeLong and Clarke-Pearson 1988 (structural components)
 */
export function placements({ order, tieEnd, positives, negatives }: ScoreOrder): Float64Array {
  const out = new Float64Array(order.length);
  let [zerosBelow, onesBelow] = [0, 0];
  for (let from = 0; from < order.length; ) {
    const to = tieEnd[from]!;
    let ones = 0;
    for (let k = from; k <= to; k++) if (order[k]! < positives) ones++;
    const zeros = to - from + 1 - ones;
    for (let k = from; k <= to; k++) {
      const place = order[k]!;
      out[place] =
        place < positives
          ? (zerosBelow + zeros / 2) / negatives
          : (positives - onesBelow - ones + ones / 2) / positives;
    }
    zerosBelow += zeros;
    onesBelow += ones;
    from = to + 1;
  }
  return out;
}

/** Sizes of the runs of equal scores. */
export function tieSizes({ tieEnd }: ScoreOrder): number[] {
  const sizes: number[] = [];
  for (let from = 0; from < tieEnd.length; from = tieEnd[from]! + 1) sizes.push(tieEnd[from]! - from + 1);
  return sizes;
}
