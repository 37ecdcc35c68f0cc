/**
 * @file Random small classifiers as ONNX files, in the words of many exporters: opsets 9 to 23, batch open or fixed at one,
 * attributes or inputs for the same thing, sums and products of branches. Every operator is one that import reads.
 */

import { DATA_TYPE, encodeModel, type NodeProto, type TensorProto } from "../../src/formats/onnx/proto.ts";
import { type Rng, rng } from "../../src/random/rng.ts";
import { attributeInt, attributeInts, floats, info, node } from "../helpers/onnx-seeds.ts";

export interface RandomFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Of one input. */
  readonly shape: readonly number[];
  readonly classes: number;
  readonly opset: number;
  readonly openBatch: boolean;
}

/** The file as it grows: the tensor at the end, and its shape without the batch. */
interface State {
  readonly nodes: NodeProto[];
  readonly constants: TensorProto[];
  readonly random: Rng;
  readonly opset: number;
  readonly openBatch: boolean;
  at: string;
  shape: readonly number[];
}

const size = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);
const below = (random: Rng, count: number): number => Math.floor(random.uniform() * count);
const pick = <T>(random: Rng, list: readonly T[]): T => list[below(random, list.length)]!;

function constant(state: State, dims: readonly number[], scale: number, around = 0): string {
  const name = `c${state.constants.length}`;
  const data = new Float32Array(size(dims));
  state.random.split(name).fillNormal(data, 0, 1);
  state.constants.push(
    floats(
      name,
      dims,
      [...data].map((value) => around + scale * value),
    ),
  );
  return name;
}

function integers(state: State, values: readonly number[], dims: readonly number[] = [values.length]): string {
  const name = `c${state.constants.length}`;
  state.constants.push({ name, dims, dataType: DATA_TYPE.INT64, int64Data: values });
  return name;
}

const number = (state: State, value: number): string => {
  const name = `c${state.constants.length}`;
  state.constants.push(floats(name, [], [value]));
  return name;
};

const attributeFloat = (name: string, value: number) => ({ name, type: 1, f: value });

function emit(state: State, op: string, inputs: readonly string[], attributes: NodeProto["attribute"] = []): string {
  const output = `t${state.nodes.length}`;
  state.nodes.push(node(op, inputs, [output], attributes ?? []));
  return output;
}

/** Moves the end of the file through one node. */
function step(
  state: State,
  op: string,
  further: readonly string[] = [],
  attributes: NodeProto["attribute"] = [],
): void {
  state.at = emit(state, op, [state.at, ...further], attributes);
}

/** Axes as an attribute of older opsets, as an input of newer ones. */
function reduce(state: State, op: string, axes: readonly number[], keepdims: 0 | 1): void {
  const asInput = state.opset >= (op === "ReduceSum" ? 13 : 18);
  step(state, op, asInput ? [integers(state, axes)] : [], [
    ...(asInput ? [] : [attributeInts("axes", axes)]),
    attributeInt("keepdims", keepdims),
  ]);
}

function reshape(state: State, shape: readonly number[]): void {
  const batch = state.openBatch ? pick(state.random, [0, -1]) : pick(state.random, [0, 1, -1]);
  step(state, "Reshape", [integers(state, [batch, ...shape])]);
  state.shape = shape;
}

// ---------------------------------------------------------------- pieces

type Piece = (state: State) => void;

const ACTIVATIONS: Readonly<Record<string, Piece>> = {
  Relu: (state) => step(state, "Relu"),
  LeakyRelu: (state) => step(state, "LeakyRelu", [], [attributeFloat("alpha", 0.1)]),
  Sigmoid: (state) => step(state, "Sigmoid"),
  Tanh: (state) => step(state, "Tanh"),
  Elu: (state) => step(state, "Elu"),
  Softplus: (state) => step(state, "Softplus"),
  HardSigmoid: (state) => step(state, "HardSigmoid", [], [attributeFloat("alpha", 0.3)]),
  PRelu: (state) =>
    step(state, "PRelu", [constant(state, [state.shape[0]!, ...state.shape.slice(1).map(() => 1)], 0.1, 0.2)]),
  Erf: (state) => step(state, "Erf"),
  Abs: (state) => step(state, "Abs"),
  Clip: (state) => {
    if (state.opset < 11) step(state, "Clip", [], [attributeFloat("min", -0.5), attributeFloat("max", 1)]);
    else step(state, "Clip", [number(state, -0.5), number(state, 1)]);
  },
  Silu: (state) => {
    const gate = emit(state, "Sigmoid", [state.at]);
    step(state, "Mul", [gate]);
  },
  Gelu: (state) => {
    const inner = emit(state, "Div", [state.at, number(state, Math.SQRT2)]);
    const grown = emit(state, "Add", [emit(state, "Erf", [inner]), number(state, 1)]);
    step(state, "Mul", [emit(state, "Mul", [grown, number(state, 0.5)])]);
  },
};

/** Mostly piecewise linear ones: what bends everywhere makes bound graphs that take long to compile. */
const BENT_SHARE = 0.3;
const LINEAR = ["Relu", "LeakyRelu", "PRelu", "Clip", "Abs", "HardSigmoid"];

function activation(state: State): void {
  const bent = state.random.uniform() < BENT_SHARE;
  const names = Object.keys(ACTIVATIONS).filter((name) => LINEAR.includes(name) !== bent);
  ACTIVATIONS[pick(state.random, names)]!(state);
}

function convolution(state: State, filters: number): void {
  const [channels, height, width] = state.shape as [number, number, number];
  const kernel = pick(
    state.random,
    [1, 2, 3].filter((k) => k <= Math.min(height, width)),
  );
  const pad = kernel === 3 ? pick(state.random, [0, 1]) : 0;
  const stride = pick(state.random, [1, 1, 2]);
  const out = (side: number): number => Math.floor((side + 2 * pad - kernel) / stride) + 1;
  const w = constant(state, [filters, channels, kernel, kernel], 1 / Math.sqrt(channels * kernel * kernel));
  step(
    state,
    "Conv",
    [w, constant(state, [filters], 0.2)],
    [
      attributeInts("kernel_shape", [kernel, kernel]),
      attributeInts("strides", [stride, stride]),
      attributeInts("pads", [pad, pad, pad, pad]),
    ],
  );
  state.shape = [filters, out(height), out(width)];
}

/** x + conv(act(x)), as residual networks have it. */
function residual(state: State): void {
  const [channels] = state.shape as [number];
  const { at } = state;
  activation(state);
  const w = constant(state, [channels, channels, 3, 3], 0.5 / Math.sqrt(9 * channels));
  step(state, "Conv", [w], [attributeInts("pads", [1, 1, 1, 1])]);
  step(state, "Add", [at]);
}

function batchNorm(state: State): void {
  const channels = state.shape[0]!;
  step(state, "BatchNormalization", [
    constant(state, [channels], 0.1, 1),
    constant(state, [channels], 0.2),
    constant(state, [channels], 0.2),
    constant(state, [channels], 0.05, 1),
  ]);
}

const POOLS: readonly Piece[] = ["MaxPool", "AveragePool"].map((op) => (state: State) => {
  const [channels, height, width] = state.shape as [number, number, number];
  if (Math.min(height, width) < 2) return;
  step(state, op, [], [attributeInts("kernel_shape", [2, 2]), attributeInts("strides", [2, 2])]);
  state.shape = [channels, Math.floor((height - 2) / 2) + 1, Math.floor((width - 2) / 2) + 1];
});

const ON_MAPS: readonly Piece[] = [
  (state) => convolution(state, 2 + below(state.random, 3)),
  (state) => convolution(state, 2 + below(state.random, 3)),
  residual,
  batchNorm,
  ...POOLS,
  (state) => {
    const branch = emit(state, "Relu", [state.at]);
    step(state, "Concat", [branch], [attributeInt("axis", 1)]);
    state.shape = [2 * state.shape[0]!, ...state.shape.slice(1)];
  },
  (state) => {
    const [channels, height, width] = state.shape as [number, number, number];
    step(state, "Transpose", [], [attributeInts("perm", [0, 2, 3, 1])]);
    state.shape = [height, width, channels];
    step(state, "Mul", [constant(state, [channels], 0.3, 1)]);
    step(state, "Transpose", [], [attributeInts("perm", [0, 3, 1, 2])]);
    state.shape = [channels, height, width];
  },
];

const TO_ROW: readonly Piece[] = [
  (state) => {
    step(state, "Flatten", [], [attributeInt("axis", 1)]);
    state.shape = [size(state.shape)];
  },
  (state) => reshape(state, [size(state.shape)]),
  (state) => {
    if (state.shape.length === 1) return;
    reduce(state, pick(state.random, ["ReduceMean", "ReduceMax", "ReduceSum"]), [2, 3], 0);
    state.shape = [state.shape[0]!];
  },
  (state) => {
    if (state.shape.length === 1) return;
    step(state, "GlobalAveragePool");
    state.shape = [state.shape[0]!, 1, 1];
    step(state, "Flatten");
    state.shape = [state.shape[0]!];
  },
];

function dense(state: State, units: number): void {
  const [from] = state.shape as [number];
  const scale = 1 / Math.sqrt(from);
  if (state.random.uniform() < 0.5) {
    const transposed = state.random.uniform() < 0.5;
    const w = constant(state, transposed ? [units, from] : [from, units], scale);
    step(state, "Gemm", [w, constant(state, [units], 0.2)], [attributeInt("transB", transposed ? 1 : 0)]);
  } else {
    step(state, "MatMul", [constant(state, [from, units], scale)]);
    step(state, "Add", [constant(state, [units], 0.2)]);
  }
  state.shape = [units];
}

const ON_ROWS: readonly Piece[] = [
  (state) => dense(state, 3 + below(state.random, 4)),
  // a norm or a spread to divide by, never near zero
  (state) => {
    const squares = emit(state, "Mul", [state.at, state.at]);
    const { at } = state;
    state.at = squares;
    reduce(state, "ReduceMean", [1], 1);
    step(state, "Add", [number(state, 0.5)]);
    step(state, "Sqrt");
    state.at = emit(state, "Div", [at, state.at]);
  },
  (state) => {
    const gate = emit(state, "Softmax", [state.at], [attributeInt("axis", 1)]);
    step(state, "Mul", [gate]);
  },
  (state) => step(state, "Sub", [constant(state, [1, state.shape[0]!], 0.3)]),
];

/** A random classifier of 6×6 pictures or rows, in [0, 1]. */
export function randomFile(seed: number): RandomFile {
  const random = rng(seed).split("file");
  const opset = 9 + (seed % 15);
  const openBatch = seed % 3 !== 0;
  const pictures = random.uniform() < 0.7;
  const shape = pictures ? [1 + below(random, 2), 6, 6] : [5 + below(random, 4)];
  const state: State = { nodes: [], constants: [], random, opset, openBatch, at: "x", shape };
  if (pictures) {
    convolution(state, 2 + below(random, 2));
    for (let k = below(random, 2); k >= 0; k--) {
      activation(state);
      pick(random, ON_MAPS)(state);
    }
    activation(state);
    pick(random, TO_ROW)(state);
  }
  for (let k = below(random, 2); k > 0; k--) {
    dense(state, 4 + below(random, 3));
    activation(state);
    pick(random, ON_ROWS)(state);
  }
  const classes = 2 + below(random, 3);
  dense(state, classes);
  if (random.uniform() < 0.25) step(state, pick(random, ["Softmax", "LogSoftmax"]), [], [attributeInt("axis", 1)]);
  const lead = openBatch ? "batch" : 1;
  return {
    name: `${seed}: ${state.nodes.map(({ opType }) => opType).join(" ")}, opset ${opset}, batch ${lead}`,
    bytes: encodeModel({
      irVersion: 8,
      opsetImport: [{ domain: "", version: opset }],
      graph: {
        node: state.nodes,
        initializer: state.constants,
        input: [info("x", [lead, ...shape])],
        output: [info(state.at, [lead, classes])],
      },
    }),
    shape,
    classes,
    opset,
    openBatch,
  };
}
