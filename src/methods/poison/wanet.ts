import type { Rng } from "../../random/rng.ts";
import type { PoisonOf } from "./config.ts";
import type { Pictures, PoisonKind } from "./types.ts";

/** Where each pixel is fetched from, in [−1, 1] from the first to the last row or column: two [H, W] planes. */
interface Grid {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/**
 * A smooth warp, the same for all pictures. Covers get a random shift a pixel on top and keep their label, so that the
 * network learns this warp and not just any.
 */
export const wanet: PoisonKind<PoisonOf<"wanet">> = {
  kind: "wanet",
  version: 1,
  title: "WaNet",
  summary: "A smooth warp of the whole picture, with covers that are warped at random.",
  source: "Nguyen and Tran 2021, arXiv:2102.10369",
  cleanLabel: false,
  coverRate: ({ rate, cross }) => rate * cross,
  trigger({ grid: points, strength }, [, height, width], random) {
    const warp = warpGrid(controlField(points, random), points, strength, height, width);
    return {
      apply: (pictures) => warped(pictures, () => warp),
      cover: (pictures, draws) => warped(pictures, () => shaken(warp, height, draws)),
    };
  },
};

/** U(−1, 1) for x and y at points × points places, divided by the mean absolute value: [2, points, points]. */
function controlField(points: number, random: Rng): Float64Array {
  const field = new Float64Array(2 * points ** 2);
  random.fillUniform(field, -1, 1);
  const mean = field.reduce((sum, value) => sum + Math.abs(value), 0) / field.length;
  return field.map((value) => value / mean);
}

/** clamp(identity + strength · field / H, −1, 1), the field brought to H × W. */
function warpGrid(field: Float64Array, points: number, strength: number, height: number, width: number): Grid {
  const plane = (axis: number) =>
    upsampled(field.subarray(axis * points ** 2, (axis + 1) * points ** 2), points, height, width);
  const identity = (i: number, length: number) => (length > 1 ? (2 * i) / (length - 1) - 1 : 0);
  const moved = (shift: Float64Array, place: (i: number) => number) =>
    shift.map((value, i) => clampUnit(place(i) + (strength * value) / height));
  return {
    x: moved(plane(0), (i) => identity(i % width, width)),
    y: moved(plane(1), (i) => identity(Math.floor(i / width), height)),
  };
}

const shaken = ({ x, y }: Grid, height: number, random: Rng): Grid => {
  const shake = (value: number) => clampUnit(value + (2 * random.uniform() - 1) / height);
  return { x: x.map(shake), y: y.map(shake) };
};

const clampUnit = (value: number): number => Math.min(1, Math.max(-1, value));

/** Bicubic interpolation of points × points values on H × W places; corners on corners, the border's values go on. */
export function upsampled(values: Float64Array, points: number, height: number, width: number): Float64Array {
  const [rows, columns] = [cubicTaps(points, height), cubicTaps(points, width)];
  return Float64Array.from({ length: height * width }, (_, i) => {
    let sum = 0;
    for (const { at: row, weight: down } of rows[Math.floor(i / width)]!)
      for (const { at: column, weight: across } of columns[i % width]!)
        sum += down * across * values[row * points + column]!;
    return sum;
  });
}

/** Cubic convolution with A = −¾, as deep learning libraries have it. @source Keys 1981 */
const A = -0.75;
const near = (t: number): number => ((A + 2) * t - (A + 3)) * t * t + 1;
const far = (t: number): number => ((A * t - 5 * A) * t + 8 * A) * t - 4 * A;

/** For each place of a line: four of its points with their weights. */
function cubicTaps(points: number, length: number) {
  return Array.from({ length }, (_, i) => {
    const position = length > 1 ? (i * (points - 1)) / (length - 1) : 0;
    const first = Math.floor(position);
    const t = position - first;
    return [far(1 + t), near(t), near(1 - t), far(2 - t)].map((weight, k) => ({
      at: Math.min(points - 1, Math.max(0, first + k - 1)),
      weight,
    }));
  });
}

/** Each picture fetched along its grid, bilinearly; beyond the edges there are zeros. */
export function warped(
  { images, shape: [channels, height, width] }: Pictures,
  gridOf: (n: number) => Grid,
): Float32Array {
  const out = new Float32Array(images.length);
  const size = channels * height * width;
  for (let n = 0; n < images.length / size; n++) {
    const grid = gridOf(n);
    for (let i = 0; i < height * width; i++) {
      const x = ((grid.x[i]! + 1) / 2) * (width - 1);
      const y = ((grid.y[i]! + 1) / 2) * (height - 1);
      const [left, top] = [Math.floor(x), Math.floor(y)];
      const [dx, dy] = [x - left, y - top];
      for (let c = 0; c < channels; c++) {
        const plane = n * size + c * height * width;
        const at = (row: number, column: number) =>
          row >= 0 && row < height && column >= 0 && column < width ? images[plane + row * width + column]! : 0;
        out[plane + i] =
          (1 - dy) * ((1 - dx) * at(top, left) + dx * at(top, left + 1)) +
          dy * ((1 - dx) * at(top + 1, left) + dx * at(top + 1, left + 1));
      }
    }
  }
  return out;
}
