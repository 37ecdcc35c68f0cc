import { describe, expect, test } from "vitest";
import { exportOnnx } from "../../src/formats/onnx/export.ts";
import type { OpAttrs, OpName } from "../../src/graph/signatures.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Tensor, Value } from "../../src/graph/types.ts";
import { builder, recordOf } from "../../src/ops/index.ts";
import { rng } from "../../src/random/rng.ts";
import { runOnnx } from "../helpers/ort.ts";

const UNIT = 2 ** -24;
const SMALLEST = 2 ** -126;
const POINTS = 20_000;

/** Evenly spaced, and spaced by ratio on both sides of 0. */
const evenly = (low: number, high: number): number[] =>
  Array.from({ length: POINTS }, (_, i) => Math.fround(low + ((high - low) * i) / (POINTS - 1)));
const byRatio = (low: number, high: number): number[] =>
  Array.from({ length: POINTS }, (_, i) => Math.fround(low * (high / low) ** (i / (POINTS - 1))));
const mirrored = (points: readonly number[]): number[] => [...points, ...points.map((x) => -x)];

interface Kernel<K extends OpName> {
  readonly op: K;
  readonly attrs: OpAttrs[K];
  readonly points: readonly number[];
}

const kernel = <K extends OpName>(
  op: K,
  points: readonly number[],
  attrs: OpAttrs[K] = {} as OpAttrs[K],
): Kernel<K> => ({
  op,
  attrs,
  points,
});

const everywhere = [...evenly(-30, 30), ...mirrored(byRatio(1e-30, 1e6))];

const kernels = [
  kernel("Sqrt", byRatio(1e-37, 1e38)),
  kernel("Reciprocal", mirrored(byRatio(1e-37, 1e37))),
  kernel("Exp", [...evenly(-110, 88.7), ...mirrored(byRatio(1e-30, 1))]),
  kernel("Log", [...byRatio(1e-37, 1e38), ...evenly(0.5, 2)]),
  kernel("Sin", [...evenly(-30, 30), ...mirrored(byRatio(1e-30, 1e8))]),
  kernel("Cos", [...evenly(-30, 30), ...mirrored(byRatio(1e-30, 1e8))]),
  kernel("Asin", [...evenly(-1, 1), ...mirrored(byRatio(1e-30, 1))]),
  kernel("Atan", everywhere),
  kernel("Sigmoid", everywhere),
  kernel("Tanh", everywhere),
  kernel("Softplus", everywhere),
  kernel("Softsign", everywhere),
  kernel("Erf", everywhere),
  kernel("HardSwish", everywhere),
  kernel("Gelu", everywhere, { approximate: "none" }),
  kernel("Gelu", everywhere, { approximate: "tanh" }),
  kernel("Elu", everywhere, { alpha: 1 }),
  kernel("Elu", everywhere, { alpha: -8 }),
  kernel("LeakyRelu", everywhere, { alpha: 0.1 }),
] as readonly Kernel<OpName>[];

/** Largest error as a share of what the record states. */
function worst(op: OpName, got: Tensor, reference: Tensor): { share: number; index: number } {
  const { rounding } = recordOf(op);
  if (rounding.kind !== "elementwise") throw new Error(`${op} is not element-wise`);
  let [share, index] = [0, -1];
  reference.data.forEach((y, i) => {
    const stated = (rounding.ulps * Math.abs(y) + (rounding.absolute ?? 0)) * UNIT + SMALLEST;
    const error = Math.abs(got.data[i]! - y) / stated;
    if (!(error <= share) && Math.fround(y) !== got.data[i]) [share, index] = [error, i];
  });
  return { share, index };
}

async function errorOf(op: OpName, attrs: OpAttrs[OpName], x: Tensor, shape: readonly ("N" | number)[]) {
  const b = builder();
  const input = b.input("x", shape);
  const node: Value = b.emit(op, [input], ...([attrs] as unknown as []));
  const model = exportOnnx(makeGraph([input], [{ name: "y", value: node }]));
  const got = (await runOnnx(model, new Map([["x", x]]))).get("y")!;
  const evaluate = recordOf(op).evaluate as (inputs: readonly Tensor[], attrs: unknown) => Tensor;
  return worst(op, got, evaluate([x], attrs));
}

describe("float32 kernels keep to the error that their records state", () => {
  test.each(kernels)("$op $attrs", async ({ op, attrs, points }) => {
    const x: Tensor = { dtype: "float", shape: [points.length], data: Float64Array.from(points) };
    const { share, index } = await errorOf(op, attrs, x, ["N"]);
    expect(share, `x = ${points[index]}`).toBeLessThanOrEqual(1);
  });

  const softmaxes = (["Softmax", "LogSoftmax"] as const).flatMap((op) =>
    [2, 10, 1000, 4096].flatMap((classes) => [1, 10, 80].map((scale) => ({ op, classes, scale }))),
  );
  test.each(softmaxes)("$op of $classes classes of size $scale", async ({ op, classes, scale }) => {
    const rows = Math.max(2, Math.floor(POINTS / classes));
    const data = new Float64Array(rows * classes);
    rng(21).split(`${op}/${classes}/${scale}`).fillUniform(data, -scale, scale);
    const x: Tensor = { dtype: "float", shape: [rows, classes], data: data.map(Math.fround) };
    const { share } = await errorOf(op, { axis: 1 }, x, ["N", classes]);
    expect(share).toBeLessThanOrEqual(1);
  });
});
