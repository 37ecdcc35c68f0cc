import { expect, test } from "vitest";
import { rng } from "../../random/rng.ts";
import { poisonSchema } from "./config.ts";
import { triggerOf } from "./poison.ts";
import type { Pictures } from "./types.ts";
import { upsampled, warped } from "./wanet.ts";

/** Cubic convolution as its definition has it: a sum of all points, each times the kernel of its distance. */
function kernel(distance: number, a = -0.75): number {
  const s = Math.abs(distance);
  if (s <= 1) return (a + 2) * s ** 3 - (a + 3) * s ** 2 + 1;
  return s < 2 ? a * s ** 3 - 5 * a * s ** 2 + 8 * a * s - 4 * a : 0;
}

function interpolated(values: ArrayLike<number>, points: number, y: number, x: number): number {
  let sum = 0;
  // points beyond the border repeat it
  for (let row = -3; row < points + 3; row++)
    for (let column = -3; column < points + 3; column++) {
      const [r, c] = [row, column].map((i) => Math.min(points - 1, Math.max(0, i))) as [number, number];
      sum += kernel(y - row) * kernel(x - column) * values[r * points + c]!;
    }
  return sum;
}

test("up-sampling is cubic convolution with corners on corners", () => {
  const values = Float64Array.from({ length: 16 }, (_, i) => Math.sin(3 * i) + 0.1 * i);
  const [height, width] = [9, 13];
  const out = upsampled(values, 4, height, width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      expect(out[y * width + x]).toBeCloseTo(interpolated(values, 4, (y * 3) / 8, (x * 3) / 12), 12);
  // every fourth column and no row of these but the corners meets a point
  expect([out[0], out[12], out[8 * 13], out[8 * 13 + 12]]).toEqual([0, 3, 12, 15].map((i) => values[i]));
});

const ramp = (height: number, width: number): Pictures => ({
  images: Float32Array.from({ length: height * width }, (_, i) => ((i * 7) % 11) / 11),
  shape: [1, height, width],
});

test("a pixel is fetched bilinearly between its four neighbours", () => {
  const { images, shape } = ramp(3, 5);
  const [x, y] = [new Float64Array(15).fill(-1), new Float64Array(15).fill(-1)];
  // column 1.25 of 0 … 4 is −1 + 2·1.25/4, row 0.5 of 0 … 2 is −1 + 2·0.5/2
  x[7] = -0.375;
  y[7] = -0.5;
  const out = warped({ images, shape }, () => ({ x, y }));
  const [a, b, c, d] = [images[1]!, images[2]!, images[6]!, images[7]!];
  expect(out[7]).toBeCloseTo(0.5 * (0.75 * a + 0.25 * b) + 0.5 * (0.75 * c + 0.25 * d), 7);
  expect(out[0]).toBe(images[0]);
});

test("beyond the edge there are zeros", () => {
  const { images, shape } = ramp(2, 3);
  const grid = { x: new Float64Array(6).fill(1.5), y: new Float64Array(6).fill(-1) };
  // column 2.5: half of the last pixel, half of nothing
  expect(warped({ images, shape }, () => grid)[0]).toBeCloseTo(images[2]! / 2, 7);
});

const wanet = (strength: number, size = 16) =>
  triggerOf(poisonSchema.parse({ kind: "wanet", rate: 0.1, strength }), [1, size, size], 3);

test("the warp becomes the identity as its strength goes to 0", () => {
  const input = ramp(16, 16);
  const change = (strength: number) => {
    const out = wanet(strength).apply(input);
    return Math.max(...out.map((value, i) => Math.abs(value - input.images[i]!)));
  };
  expect(change(1e-7)).toBeLessThan(1e-5);
  expect(change(1)).toBeGreaterThan(0.1);
});

test("control points move a pixel by half the strength on average, and no pixel leaves the picture", () => {
  const size = 28;
  // on a picture of column numbers, the warp shows where each pixel came from
  const columns: Pictures = {
    images: Float32Array.from({ length: size * size }, (_, i) => (i % size) / (size - 1)),
    shape: [1, size, size],
  };
  const out = wanet(2, size).apply(columns);
  const moves = Array.from(out, (value, i) => Math.abs(value - columns.images[i]!) * (size - 1));
  const mean = moves.reduce((sum, move) => sum + move, 0) / moves.length;
  // |field| is 1 on average at the points: s/H in a grid of length 2 is s/2 · (W − 1)/W pixels; less between them
  expect(mean).toBeGreaterThan(0.35);
  expect(mean).toBeLessThan(1.1);
  expect(Math.min(...out)).toBe(0);
  expect(Math.max(...out)).toBe(1);
});

test("covers are warped otherwise, each in its own way", () => {
  const { images } = ramp(16, 16);
  const twice: Pictures = { images: Float32Array.of(...images, ...images), shape: [1, 16, 16] };
  const { apply, cover } = wanet(1);
  const [plain, shaken] = [apply(twice), cover!(twice, rng(9))];
  expect(plain.subarray(0, 256)).toEqual(plain.subarray(256));
  expect(shaken.subarray(0, 256)).not.toEqual(shaken.subarray(256));
  expect(shaken.subarray(0, 256)).not.toEqual(plain.subarray(0, 256));
});
