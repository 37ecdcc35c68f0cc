import { normalQuantile } from "../stats/normal.ts";
import { murmur3 } from "./murmur3.ts";
import { philox4x32 } from "./philox.ts";

/**
 * A stream of random numbers. The numbers depend on the root seed and the labels of the splits that led here, and on
 * how many were drawn from this stream; on nothing else. Splitting neither draws from the parent nor looks at how far it
 * is, so work may be divided among any number of workers.
 */
export interface Rng {
  /** In [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number;
  /** Standard normal, by inversion; |value| < 8.3. */
  normal(): number;
  /** An integer in [0, n), without bias. @throws RangeError unless n is an integer in [1, 2³²] */
  int(n: number): number;
  /** `low + (high − low)·uniform()` in every place. Rounding to float32 may reach `high`. */
  fillUniform(out: Float32Array | Float64Array, low: number, high: number): void;
  fillNormal(out: Float32Array | Float64Array, mean?: number, std?: number): void;
  /** The numbers 0 … n − 1 in random order (Fisher–Yates). */
  permutation(n: number): Int32Array;
  /** An independent stream. `split("a").split("b")` and `split("a/b")` are different streams. */
  split(label: string): Rng;
}

const TWO_26 = 2 ** 26;
const TWO_32 = 2 ** 32;
const TWO_MINUS_52 = 2 ** -52;
const TWO_MINUS_53 = 2 ** -53;

/** The root stream of a run. @throws RangeError unless `seed` is an integer in [0, 2⁵³) */
export function rng(seed: number): Rng {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`seed must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}.`);
  }
  return stream(identify(`seed/${seed}`));
}

/** The identity of a stream: 128 bits of hash over the parent's identity and the label. */
function identify(label: string, parent?: Uint32Array): Uint32Array {
  const text = new TextEncoder().encode(label);
  const bytes = new Uint8Array((parent ? 16 : 0) + text.length);
  const view = new DataView(bytes.buffer);
  parent?.forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  bytes.set(text, parent ? 16 : 0);
  return murmur3(bytes);
}

/** Half of the identity is Philox's key, half the upper part of its counter; the lower part counts the blocks. */
function stream(identity: Uint32Array): Rng {
  const key = identity.slice(0, 2);
  const counter = Uint32Array.of(0, 0, identity[2]!, identity[3]!);
  const block = new Uint32Array(4);
  let used = 4;

  const word = (): number => {
    if (used === 4) {
      philox4x32(counter, key, block);
      counter[0]!++;
      if (counter[0] === 0) counter[1]!++;
      used = 0;
    }
    return block[used++]!;
  };
  const uniform = (): number => {
    const high = word() >>> 5;
    return (high * TWO_26 + (word() >>> 6)) * TWO_MINUS_53;
  };
  // Midpoints of 2⁵² cells: never 0 or 1, and symmetric about ½.
  const normal = (): number => {
    const high = word() >>> 6;
    return normalQuantile((high * TWO_26 + (word() >>> 6) + 0.5) * TWO_MINUS_52);
  };
  const int = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > TWO_32) {
      throw new RangeError(`int(n) needs an integer n from 1 to 2^32, got ${n}.`);
    }
    const fair = TWO_32 - (TWO_32 % n);
    let draw = word();
    while (draw >= fair) draw = word();
    return draw % n;
  };

  return {
    uniform,
    normal,
    int,
    fillUniform(out, low, high) {
      for (let i = 0; i < out.length; i++) out[i] = low + (high - low) * uniform();
    },
    fillNormal(out, mean = 0, std = 1) {
      for (let i = 0; i < out.length; i++) out[i] = mean + std * normal();
    },
    permutation(n) {
      const order = Int32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = int(i + 1);
        const kept = order[i]!;
        order[i] = order[j]!;
        order[j] = kept;
      }
      return order;
    },
    split: (label) => stream(identify(label, identity)),
  };
}
