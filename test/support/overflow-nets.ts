/**
 * @file Random small networks whose numbers leave float32: weights and biases up to 3.4·10³⁸, sums that overflow in one
 * order and cancel in another, and behind them what answers within limits whatever it is given, so that the file's answer
 * may be finite, infinite or no number.
 */

import { floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { type Rng, rng } from "../../src/random/rng.ts";

export const OVERFLOW_CLASSES = 3;
export const OVERFLOW_INPUTS = 4;

const pick = <T>(random: Rng, list: readonly T[]): T => list[random.int(list.length)]!;

/** Powers of ten of weights; the largest float32 is 3.4·10³⁸. */
const MAGNITUDES = [0, 0, 10, 19, 20, 30, 37, 38.4] as const;

function numbers(random: Rng, count: number, magnitude: number = pick(random, MAGNITUDES)): Float64Array {
  const few = random.uniform() < 0.3;
  return Float64Array.from({ length: count }, () => {
    // a third of the tensors have one large number among small ones
    const size = few && random.uniform() < 0.6 ? 0 : magnitude;
    return Math.fround(10 ** size * (random.uniform() < 0.5 ? -1 : 1) * (0.2 + 0.8 * random.uniform()));
  });
}

const tensor = (b: Builder, random: Rng, shape: readonly number[], magnitude?: number): Value =>
  b.constant(
    floatTensor(
      shape,
      numbers(
        random,
        shape.reduce((x, y) => x * y, 1),
        magnitude,
      ),
    ),
  );

const width = (x: Value): number => x.shape[1] as number;

type Piece = (b: Builder, x: Value, random: Rng) => Value;

const dense = (b: Builder, x: Value, random: Rng, units: number): Value => {
  const product = b.emit("MatMul", [x, tensor(b, random, [width(x), units])]);
  return random.uniform() < 0.5 ? product : b.emit("Add", [product, tensor(b, random, [units])]);
};

/** A convolution of one channel over the row. */
function convolved(b: Builder, x: Value, random: Rng): Value {
  const image = b.emit("Reshape", [x], { shape: ["N", 1, width(x)] });
  const attrs = { strides: [1], dilations: [1], pads: [1, 1], group: 1 };
  const y = b.emit("Conv", [image, tensor(b, random, [2, 1, 3])], attrs);
  return b.emit("Reshape", [y], { shape: ["N", 2 * width(x)] });
}

const unary =
  (op: "Relu" | "Sigmoid" | "Tanh" | "Abs" | "Sign" | "Softsign" | "Exp" | "Softplus" | "Neg"): Piece =>
  (b, x) =>
    b.emit(op, [x]);

const PIECES: readonly Piece[] = [
  (b, x, random) => dense(b, x, random, 2 + random.int(3)),
  (b, x, random) => dense(b, x, random, 2 + random.int(3)),
  convolved,
  unary("Relu"),
  unary("Relu"),
  unary("Sigmoid"),
  unary("Tanh"),
  unary("Abs"),
  unary("Sign"),
  unary("Softsign"),
  unary("Exp"),
  unary("Softplus"),
  (b, x) => b.emit("Clip", [x], { min: -1, max: 6 }),
  (b, x) => b.emit("LeakyRelu", [x], { alpha: 0.1 }),
  (b, x) => b.emit("Softmax", [x], { axis: 1 }),
  (b, x, random) => b.emit("Mul", [x, tensor(b, random, [width(x)])]),
  (b, x, random) => b.emit("Add", [x, tensor(b, random, [width(x)])]),
  (b, x, random) => b.emit("Add", [x, b.emit("Relu", [dense(b, x, random, width(x))])]),
  (b, x, random) => b.emit("Sub", [dense(b, x, random, width(x)), x]),
  (b, x, random) => b.emit("Div", [x, tensor(b, random, [width(x)])]),
  (b, x) => b.emit("Mul", [x, x]),
  (b, x) => b.emit("Sub", [x, b.emit("ReduceMax", [x], { axes: [1], keepdims: true })]),
  (b, x) =>
    b.emit("Sub", [x, b.emit("Mul", [b.emit("ReduceSum", [x], { axes: [1], keepdims: true }), b.constant(0.25)])]),
  (b, x, random) => b.emit("Max", [x, b.emit("Mul", [x, tensor(b, random, [width(x)])])]),
];

const SQUASHING: readonly Piece[] = [
  unary("Sigmoid"),
  unary("Tanh"),
  unary("Sign"),
  unary("Softsign"),
  (b, x) => b.emit("Clip", [x], { min: -1, max: 1 }),
  (b, x) => b.emit("Softmax", [x], { axis: 1 }),
  (b, x) => b.emit("Exp", [b.emit("Neg", [b.emit("Relu", [x])])]),
];

/**
 * A few pieces, then a dense layer. In two of three networks what overflowed is squashed first, and counts for less than
 * the bias: a bound that takes it for a number decides the class. One of three begins with products that overflow.
 */
export function overflowNet(seed: number): Graph {
  const random = rng(seed).split("overflow");
  const b = builder();
  const input = b.input("x", ["N", OVERFLOW_INPUTS]);
  let x: Value = dense(b, input, random, 3);
  if (seed % 3 === 1)
    for (const magnitude of [38.4, 20]) x = b.emit("MatMul", [x, tensor(b, random, [width(x), 3], magnitude)]);
  for (let k = 1 + random.int(3); k > 0; k--) x = pick(random, PIECES)(b, x, random);
  const squashed = seed % 3 !== 0;
  if (squashed) x = pick(random, SQUASHING)(b, x, random);
  const normals = (count: number, scale: number): Float64Array =>
    Float64Array.from({ length: count }, () => Math.fround(scale * random.normal()));
  const last = b.constant(floatTensor([width(x), OVERFLOW_CLASSES], normals(width(x) * OVERFLOW_CLASSES, 0.3)));
  const weights = squashed ? last : tensor(b, random, [width(x), OVERFLOW_CLASSES]);
  const bias = b.constant(floatTensor([OVERFLOW_CLASSES], normals(OVERFLOW_CLASSES, 10)));
  return makeGraph([input], [{ name: "logits", value: b.emit("Add", [b.emit("MatMul", [x, weights]), bias]) }]);
}
