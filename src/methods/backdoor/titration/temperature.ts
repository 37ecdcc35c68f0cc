/** @file The temperature at which a network is as sure as it is right: confidences depend on it, decisions do not. */

/** Temperatures outside are not told from their ends: answers are then all alike, or all certain. */
const RANGE = [0.02, 50] as const;
/** Leaves 1e-12 of the range of logarithms. */
const BISECTIONS = 40;

/**
 * The temperature T in [0.02, 50] that minimises the mean negative log-likelihood of the labels under softmax(logits / T).
 *
 * @param logits [n · classes]
 * @returns `null` where there is no minimum inside: every label has the largest logit, or the logits say nothing of labels
 * @source Guo et al. 2017, arXiv:1706.04599, section 4.2
 */
export function temperatureOf(logits: Float32Array, labels: Int32Array, classes: number): number | null {
  // convex in the inverse temperature: its derivative rises through the one minimum
  const slope = (logTemperature: number): number => slopeAt(logits, labels, classes, Math.exp(-logTemperature));
  let [low, high] = RANGE.map(Math.log) as [number, number];
  if (slope(low) <= 0 || slope(high) >= 0) return null;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (slope(middle) > 0) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** Σ over inputs of E_p[z] − z_label with p = softmax(sharpness · z): the derivative of the loss by the sharpness. */
function slopeAt(logits: Float32Array, labels: Int32Array, classes: number, sharpness: number): number {
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    const from = i * classes;
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = from; k < from + classes; k++) largest = Math.max(largest, logits[k]!);
    let weight = 0;
    let weighted = 0;
    for (let k = from; k < from + classes; k++) {
      const w = Math.exp(sharpness * (logits[k]! - largest));
      weight += w;
      weighted += w * logits[k]!;
    }
    total += weighted / weight - logits[from + labels[i]!]!;
  }
  return total;
}
