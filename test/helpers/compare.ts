import type { Tensor } from "../../src/graph/types.ts";

/** What is different, or undefined: shapes, and elements beyond `absolute` + `relative`·|expected|. NaN equals NaN. */
export function difference(
  got: Tensor | undefined,
  expected: Tensor,
  { relative, absolute }: { relative: number; absolute: number },
): string | undefined {
  if (!got) return "is missing";
  if (got.shape.join() !== expected.shape.join()) return `has shape [${got.shape}], expected [${expected.shape}]`;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [got.data[i]!, expected.data[i]!];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (!(Math.abs(a - b) <= absolute + relative * Math.abs(b))) return `is ${a} at ${i}, expected ${b}`;
  }
  return undefined;
}

/** Largest |got − expected|, relative to the largest |expected|; NaN if there is one. */
export function relativeError(got: Tensor, expected: Tensor): number {
  let [worst, scale] = [0, 0];
  expected.data.forEach((value, i) => {
    worst = Math.max(worst, Math.abs(value - got.data[i]!));
    scale = Math.max(scale, Math.abs(value));
  });
  return worst === 0 ? 0 : worst / scale;
}
