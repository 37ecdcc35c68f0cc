type Numbers = ArrayLike<number>;

/** @returns NaN for no values */
export function mean(values: Numbers): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Standard deviation of a sample (divisor n − 1), by the two-pass formula. @returns NaN below two values */
export function std(values: Numbers): number {
  if (values.length < 2) return Number.NaN;
  const centre = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - centre) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * Quantiles with linear interpolation between order statistics (Hyndman and Fan's type 7, as in NumPy and R).
 *
 * @param probabilities each in [0, 1]
 * @returns one value a probability; NaN for no values
 * @throws RangeError for a probability outside [0, 1] or a NaN among the values
 */
export function quantiles(values: Numbers, probabilities: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length > 0 && Number.isNaN(sorted[sorted.length - 1])) {
    throw new RangeError("quantiles of values that contain NaN are undefined; remove them first.");
  }
  return probabilities.map((p) => {
    if (!(p >= 0 && p <= 1)) throw new RangeError(`a quantile's probability lies in [0, 1], got ${p}.`);
    if (sorted.length === 0) return Number.NaN;
    const position = p * (sorted.length - 1);
    const below = sorted[Math.floor(position)]!;
    const above = sorted[Math.ceil(position)]!;
    // Equal neighbours first: ∞ − ∞ would be NaN.
    return below === above ? below : below + (above - below) * (position - Math.floor(position));
  });
}

export const median = (values: Numbers): number => quantiles(values, [0.5])[0]!;
