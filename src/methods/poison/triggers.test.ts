import { expect, test } from "vitest";
import { rng } from "../../random/rng.ts";
import { type PoisonConfig, poisonSchema } from "./config.ts";
import { poisonKindOf, poisonKinds } from "./index.ts";
import { triggerOf } from "./poison.ts";
import type { Pictures, Trigger } from "./types.ts";

const configOf = (raw: object): PoisonConfig => poisonSchema.parse({ rate: 0.1, ...raw });
const trigger = (raw: object, shape: Pictures["shape"], seed = 5): Trigger => triggerOf(configOf(raw), shape, seed);

/** Pictures whose pixels all differ, between 0 and 1. */
function pictures(count: number, shape: Pictures["shape"]): Pictures {
  const images = new Float32Array(count * shape[0] * shape[1] * shape[2]);
  rng(11).fillUniform(images, 0, 1);
  return { images, shape };
}

const grey = (shape: Pictures["shape"], value = 0.5): Pictures => ({
  images: new Float32Array(shape[0] * shape[1] * shape[2]).fill(value),
  shape,
});

/** The rows of one plane, rounded. */
const rows = (plane: Float32Array, width: number, digits = 3): number[][] =>
  Array.from({ length: plane.length / width }, (_, y) =>
    Array.from(plane.subarray(y * width, (y + 1) * width), (value) => Number(value.toFixed(digits))),
  );

test("the table knows each kind by its own name", () => {
  expect(poisonKinds.map(({ kind }) => poisonKindOf({ kind } as PoisonConfig).kind)).toEqual(
    poisonKinds.map(({ kind }) => kind),
  );
  expect(poisonKinds).toHaveLength(9);
});

test("the kinds that keep labels, and no others, refuse to go from all classes to all", () => {
  const refused = poisonKinds.filter(({ kind }) => {
    return !poisonSchema.safeParse({ kind, rate: 0.1, mapping: "all-to-all" }).success;
  });
  expect(refused).toEqual(poisonKinds.filter(({ cleanLabel }) => cleanLabel));
  expect(refused).toHaveLength(2);
});

test.for(poisonKinds.map(({ kind }) => kind))("%s: the same seed gives the same trigger, in [0, 1]", (kind) => {
  const input = pictures(3, [2, 12, 15]);
  const before = input.images.slice();
  const once = trigger({ kind }, [2, 12, 15]).apply(input);
  expect(trigger({ kind }, [2, 12, 15]).apply(input)).toEqual(once);
  expect(input.images).toEqual(before);
  expect(once).not.toEqual(before);
  expect(once.every((value) => value >= 0 && value <= 1)).toBe(true);
  // a picture's trigger does not depend on the pictures beside it
  const last = { images: input.images.slice(2 * 360), shape: input.shape };
  expect(trigger({ kind }, [2, 12, 15]).apply(last)).toEqual(once.slice(2 * 360));
});

test.for(["blended", "adaptive-blend", "wanet"])("%s: another seed gives another trigger", (kind) => {
  const input = pictures(1, [1, 12, 12]);
  expect(trigger({ kind }, [1, 12, 12], 6).apply(input)).not.toEqual(trigger({ kind }, [1, 12, 12], 5).apply(input));
});

test("the patch covers the lower right corner, a margin away from the edges, in every channel", () => {
  const out = trigger({ kind: "patch", size: 2 }, [2, 5, 5]).apply({ images: new Float32Array(50), shape: [2, 5, 5] });
  const white = Array.from(out.keys()).filter((i) => out[i] === 1);
  expect(white).toEqual([12, 13, 17, 18, 37, 38, 42, 43]);
});

test("the patch of the paper lies on rows and columns 23 to 26 of 28 × 28", () => {
  const out = trigger({ kind: "patch" }, [1, 28, 28]).apply({ images: new Float32Array(784), shape: [1, 28, 28] });
  const white = Array.from(out.keys()).filter((i) => out[i] === 1);
  expect(new Set(white.map((i) => Math.floor(i / 28)))).toEqual(new Set([23, 24, 25, 26]));
  expect(new Set(white.map((i) => i % 28))).toEqual(new Set([23, 24, 25, 26]));
  expect(white).toHaveLength(16);
});

test.for([
  [{ kind: "patch", size: 3, margin: 1 }, /3×3 pixels with margin 1 does not fit an image of 3×3/],
  [{ kind: "checkerboard", size: 2, at: [2, 0] }, /2×2 pixels at row 2, column 0 does not fit/],
  [{ kind: "pixels", pattern: "corner", margin: 1 }, /does not fit an image of 3×3/],
  [{ kind: "sig", frequency: 3 }, /a wave of frequency 3 is 0 in all 3 columns/],
] as const)("a trigger that does not fit is refused: %j", ([raw, message]) => {
  expect(() => trigger(raw, [1, 3, 3])).toThrow(message);
});

test("the checkerboard begins black and changes with every pixel, where it is told to be", () => {
  const out = trigger({ kind: "checkerboard", size: 3, at: [1, 0] }, [1, 4, 4]).apply(grey([1, 4, 4]));
  expect(rows(out, 4)).toEqual([
    [0.5, 0.5, 0.5, 0.5],
    [0, 1, 0, 0.5],
    [1, 0, 1, 0.5],
    [0, 1, 0, 0.5],
  ]);
});

test("one pixel, or four in the corner, become bright", () => {
  const single = trigger({ kind: "pixels", value: 0.75 }, [1, 5, 5]).apply(grey([1, 5, 5], 0));
  expect(Array.from(single.entries()).filter(([, value]) => value !== 0)).toEqual([[3 * 5 + 3, 0.75]]);
  const corner = trigger({ kind: "pixels", pattern: "corner" }, [1, 5, 5]).apply(grey([1, 5, 5], 0));
  expect(rows(corner, 5)).toEqual([
    [0, 0, 0, 0, 0],
    [0, 0, 0, 1, 0],
    [0, 0, 1, 0, 0],
    [0, 1, 0, 1, 0],
    [0, 0, 0, 0, 0],
  ]);
});

test("blending is a weighted mean with the same noise for all pictures", () => {
  const shape = [1, 6, 6] as const;
  const { apply } = trigger({ kind: "blended", alpha: 0.25 }, shape);
  const pattern = apply(grey(shape, 0)).map((value) => value / 0.25);
  const mean = pattern.reduce((sum, value) => sum + value, 0) / 36;
  // 36 draws of U(0, 1): the mean's standard deviation is 0.048
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.15);
  const input = pictures(2, shape);
  apply(input).forEach((value, i) => {
    expect(value).toBeCloseTo(0.75 * input.images[i]! + 0.25 * pattern[i % 36]!, 6);
  });
});

test("adaptive blend leaves half of the sixteen parts out in training, others each time, and none in the test", () => {
  const shape = [1, 8, 8] as const;
  const { apply, applyInTraining, cover } = trigger({ kind: "adaptive-blend" }, shape);
  const input: Pictures = { images: new Float32Array(20 * 64), shape };
  const full = apply(input);
  const seen = new Set<string>();
  for (const draw of [applyInTraining!, cover!]) {
    const out = draw(input, rng(2)) as Float32Array;
    for (let n = 0; n < 20; n++) {
      const shown = Array.from({ length: 16 }, (_, part) => {
        const [top, left] = [2 * Math.floor(part / 4), 2 * (part % 4)];
        const places = [0, 1, 8, 9].map((step) => n * 64 + top * 8 + left + step);
        const changed = places.map((i) => out[i] !== 0);
        expect(new Set(changed).size, `part ${part} is whole or missing`).toBe(1);
        if (changed[0]) expect(places.map((i) => out[i])).toEqual(places.map((i) => full[i]));
        return changed[0] ? 1 : 0;
      });
      expect(shown.reduce<number>((sum, part) => sum + part, 0)).toBe(8);
      seen.add(shown.join(""));
    }
  }
  expect(seen.size).toBeGreaterThan(15);
});

test("SIG adds a sine over the columns, the same in all rows, and clamps", () => {
  // two waves on eight columns: sin(2π·j·2/8) = 0, 1, 0, −1, 0, 1, 0, −1
  const { apply } = trigger({ kind: "sig", amplitude: 0.3, frequency: 2 }, [1, 2, 8]);
  expect(rows(apply(grey([1, 2, 8])), 8)).toEqual(Array(2).fill([0.5, 0.8, 0.5, 0.2, 0.5, 0.8, 0.5, 0.2]));
  expect(rows(apply(grey([1, 1, 8], 0.9)), 8)).toEqual([[0.9, 1, 0.9, 0.6, 0.9, 1, 0.9, 0.6]]);
  // the constants of the paper's ports on 28 columns: sin(2π·1·6/28) = 0.974928
  const published = trigger({ kind: "sig" }, [1, 1, 28]).apply(grey([1, 1, 28]));
  expect(published[1]).toBeCloseTo(0.5 + (40 / 255) * 0.974928, 6);
});

test("label-consistent marks are checkers in the four corners, black and white at full amplitude", () => {
  const shape = [1, 7, 7] as const;
  const [w, g] = [1, 0.5];
  const cross = [
    [w, 0, w, g, w, 0, w],
    [0, w, 0, g, 0, w, 0],
    [w, 0, w, g, w, 0, w],
  ];
  const marked = rows(trigger({ kind: "label-consistent" }, shape).apply(grey(shape)), 7);
  expect(marked).toEqual([...cross, Array(7).fill(g), ...cross]);
  const faint = trigger({ kind: "label-consistent", amplitude: 0.25 }, shape).apply(grey(shape));
  expect(Array.from(faint.subarray(0, 4))).toEqual([0.75, 0.25, 0.75, 0.5]);
});

test("BppAttack leaves the stated number of levels", () => {
  const { apply } = trigger({ kind: "bpp", levels: 3 }, [1, 1, 6]);
  const images = Float32Array.of(0, 0.24, 0.26, 0.74, 0.76, 1);
  expect(Array.from(apply({ images, shape: [1, 1, 6] }))).toEqual([0, 0, 0.5, 0.5, 1, 1]);
  const levels = new Set(trigger({ kind: "bpp" }, [1, 20, 20]).apply(pictures(1, [1, 20, 20])));
  expect([...levels].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((k) => Math.fround(k / 7)));
});

test("BppAttack's covers get the rounding error of another picture", () => {
  const { cover } = trigger({ kind: "bpp", levels: 2 }, [1, 1, 2]);
  // rounding changes the first picture by (−0.2, +0.4), the second by (+0.1, −0.3)
  const out = cover!({ images: Float32Array.of(0.2, 0.6, 0.9, 0.3), shape: [1, 1, 2] }, rng(1));
  expect(Array.from(out).map((value) => Number(value.toFixed(4)))).toEqual([0.3, 0.3, 0.7, 0.7]);
});
