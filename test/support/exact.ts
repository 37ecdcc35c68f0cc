/** @file Networks evaluated without any rounding: every float is an integer times a power of two, and stays one. */

import { broadcastShapes } from "../../src/graph/dims.ts";
import { broadcastStrides, forEachIndex } from "../../src/graph/tensor.ts";
import { outputOf, topological } from "../../src/graph/traverse.ts";
import type { Graph, NodeValue, Value } from "../../src/graph/types.ts";

/** n·2^e */
interface Dyadic {
  readonly n: bigint;
  readonly e: number;
}

interface Exact {
  readonly shape: readonly number[];
  readonly data: readonly Dyadic[];
}

const ZERO: Dyadic = { n: 0n, e: 0 };

const view = new DataView(new ArrayBuffer(8));

/** @throws RangeError on NaN and infinities */
function dyadic(value: number): Dyadic {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not a number`);
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const n = exponent === 0 ? fraction : fraction | (1n << 52n);
  return { n: value < 0 ? -n : n, e: (exponent === 0 ? 1 : exponent) - 1075 };
}

const add = (x: Dyadic, y: Dyadic): Dyadic => {
  if (x.n === 0n) return y;
  if (y.n === 0n) return x;
  const e = Math.min(x.e, y.e);
  return { n: (x.n << BigInt(x.e - e)) + (y.n << BigInt(y.e - e)), e };
};
const negate = ({ n, e }: Dyadic): Dyadic => ({ n: -n, e });
const multiply = (x: Dyadic, y: Dyadic): Dyadic => (x.n === 0n || y.n === 0n ? ZERO : { n: x.n * y.n, e: x.e + y.e });

/** The first output of a network of sums, products and ReLUs at one point: −1, 0 or 1 for each element. */
export function exactSigns(graph: Graph, x: ArrayLike<number>): number[] {
  const values = new Map<Value, Exact>();
  const target = outputOf(graph);
  for (const value of topological([target])) {
    if (value.kind === "node")
      values.set(
        value,
        evaluate(
          value,
          value.inputs.map((input) => values.get(input)!),
        ),
      );
    else {
      const shape = value.shape.map((dim) => (typeof dim === "number" ? dim : 1));
      const data = Array.from(value.kind === "constant" ? value.tensor.data : x, dyadic);
      values.set(value, { shape, data });
    }
  }
  return values.get(target)!.data.map(({ n }) => (n > 0n ? 1 : n < 0n ? -1 : 0));
}

function evaluate(node: NodeValue, inputs: readonly Exact[]): Exact {
  const [x, y] = inputs as [Exact, Exact];
  switch (node.op) {
    case "Relu":
      return { ...x, data: x.data.map((v) => (v.n > 0n ? v : ZERO)) };
    case "Add":
      return elementwise(x, y, add);
    case "Sub":
      return elementwise(x, y, (p, q) => add(p, negate(q)));
    case "Mul":
      return elementwise(x, y, multiply);
    case "MatMul":
      return product(x, y);
    default:
      throw new Error(`no exact ${node.op}`);
  }
}

function elementwise(x: Exact, y: Exact, f: (p: Dyadic, q: Dyadic) => Dyadic): Exact {
  const shape = broadcastShapes(x.shape, y.shape) as number[];
  const data: Dyadic[] = [];
  forEachIndex(shape, [broadcastStrides(x.shape, shape), broadcastStrides(y.shape, shape)], (_, [p, q]) => {
    data.push(f(x.data[p!]!, y.data[q!]!));
  });
  return { shape, data };
}

function product(x: Exact, w: Exact): Exact {
  const [rows, inner] = x.shape as [number, number];
  const columns = w.shape[1]!;
  const data: Dyadic[] = [];
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      let sum = ZERO;
      for (let k = 0; k < inner; k++) sum = add(sum, multiply(x.data[i * inner + k]!, w.data[k * columns + j]!));
      data.push(sum);
    }
  return { shape: [rows, columns], data };
}
