/** @file The networks that Assay trains, by name: those of the certification benchmark, of backdoor studies, and a ResNet. */

import { fixed, sizeOf } from "../../graph/dims.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Value } from "../../graph/types.ts";
import { windowCount } from "../../ops/conv.ts";
import { builder } from "../../ops/index.ts";
import { add, scale } from "../../ops/rules.ts";
import type { Parameter, TrainableModel } from "./model.ts";

export interface ConvLayer {
  readonly kind: "conv";
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
}

export interface DenseLayer {
  readonly kind: "dense";
  readonly units: number;
}

/** relu(x' + conv 3×3(relu(conv 3×3(x)))); x' is x, or its 1×1 convolution where the shape changes. */
export interface ResidualLayer {
  readonly kind: "residual";
  readonly filters: number;
  /** Of the first convolution, and of the shortcut. */
  readonly stride: number;
}

/** The mean of each channel over all positions. */
export interface PoolLayer {
  readonly kind: "pool";
}

export type AffineLayer = ConvLayer | DenseLayer;
export type Layer = AffineLayer | ResidualLayer | PoolLayer;

export const conv = (filters: number, kernel: number, stride: number, pad: number): ConvLayer => ({
  kind: "conv",
  filters,
  kernel,
  stride,
  pad,
});
export const dense = (units: number): DenseLayer => ({ kind: "dense", units });
export const residual = (filters: number, stride: number): ResidualLayer => ({ kind: "residual", filters, stride });
export const pool: PoolLayer = { kind: "pool" };

/** Five residual blocks, of which the first may make the picture smaller. */
const stage = (filters: number, stride: number): readonly ResidualLayer[] =>
  Array.from({ length: 5 }, (_, k) => residual(filters, k === 0 ? stride : 1));

/**
 * Hidden layers, a ReLU after each; `buildModel` adds the last dense layer, one unit a class.
 * @source FCNN, CNN: SoK: Certified Robustness for Deep Neural Networks (arXiv:2009.04131), table of architectures
 * @source ResNet32: He et al. 2016 (arXiv:1512.03385), §4.2 with n = 5; ResNetS: a small one of the same basic blocks. Both
 *   without batch normalisation, and with 1×1 convolutions where a shortcut changes shape
 */
export const ARCHITECTURES = {
  FCNNa: [dense(20), dense(20)],
  FCNNb: [dense(100), dense(100), dense(100)],
  FCNNc: Array.from({ length: 7 }, () => dense(1024)),
  CNNa: [conv(16, 4, 2, 1), conv(32, 4, 2, 1), dense(100)],
  CNNb: [conv(16, 3, 1, 1), conv(16, 4, 2, 1), conv(32, 3, 1, 1), conv(32, 4, 2, 1), dense(512)],
  CNNc: [conv(32, 3, 1, 1), conv(32, 4, 2, 1), conv(64, 3, 1, 1), conv(64, 4, 2, 1), dense(512), dense(512)],
  CNNd: [conv(64, 3, 1, 1), conv(64, 3, 1, 1), conv(128, 4, 2, 1), conv(128, 3, 1, 1), conv(128, 3, 1, 1), dense(512)],
  MLP: [dense(256), dense(128)],
  ResNetS: [conv(16, 3, 2, 1), residual(16, 1), residual(32, 2), residual(64, 2), pool],
  ResNet32: [conv(16, 3, 1, 1), ...stage(16, 1), ...stage(32, 2), ...stage(64, 2), pool],
} as const satisfies Record<string, readonly Layer[]>;

export type ArchitectureName = keyof typeof ARCHITECTURES;

export const ARCHITECTURE_NAMES = Object.keys(ARCHITECTURES) as ArchitectureName[];

/** What its initial values are drawn by. Shapes: convolution [out, in, k, k], dense [in, out], bias [out]. */
export interface DrawnParameter extends Parameter {
  readonly role: "weight" | "bias";
  /** Inputs of one unit. */
  readonly fanIn: number;
  /** Of the last layer. */
  readonly last: boolean;
  /** Factor on the spread of its initial values; 1 outside of residual blocks. */
  readonly gain: number;
}

/** Per channel: (x − mean) / std of pixels in [0, 1], as the first step of the network. */
export interface InputNormalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Shapes of one sample, as a layer takes and gives it. */
interface Shapes {
  readonly input: readonly number[];
  readonly output: readonly number[];
}

/** A convolution or dense layer with its parameters. */
export interface AffineBlock extends Shapes {
  readonly kind: "affine";
  readonly layer: AffineLayer;
  readonly weight: DrawnParameter;
  readonly bias: DrawnParameter;
}

export interface ResidualBlock extends Shapes {
  readonly kind: "residual";
  readonly first: AffineBlock;
  readonly second: AffineBlock;
  /** undefined: the input itself is added. */
  readonly shortcut: AffineBlock | undefined;
}

export interface PoolBlock extends Shapes {
  readonly kind: "pool";
}

export type Block = AffineBlock | ResidualBlock | PoolBlock;

/** A network to train: its layers with their parameters, without values. */
/** A network made of layers, whose initial values are drawn. */
export interface Model extends TrainableModel {
  readonly parameters: readonly DrawnParameter[];
  /** Residual blocks. */
  readonly branches: number;
  /** Units of all layers that are followed by a ReLU, and the logits. */
  readonly neurons: number;
}

export class ArchitectureError extends Error {
  override readonly name = "ArchitectureError";
  readonly fault = "usage";
}

/**
 * One of `ARCHITECTURES`.
 * @param inputShape of one sample, channels first
 * @throws ArchitectureError when the name is unknown or a window does not fit the input
 */
export function modelOf(
  name: string,
  inputShape: readonly number[],
  classes: number,
  normalisation?: InputNormalisation,
): Model {
  if (!Object.hasOwn(ARCHITECTURES, name))
    throw new ArchitectureError(`unknown architecture "${name}"; known: ${ARCHITECTURE_NAMES.join(", ")}`);
  return buildModel(name, ARCHITECTURES[name as ArchitectureName], inputShape, classes, normalisation);
}

/** A network of these hidden layers. */
export function buildModel(
  name: string,
  layers: readonly Layer[],
  inputShape: readonly number[],
  classes: number,
  normalisation?: InputNormalisation,
): Model {
  checkNormalisation(normalisation, inputShape);
  const draft: Draft = { b: builder(), name, parameters: [], size: 0, neurons: 0 };
  const branches = layers.filter(({ kind }) => kind === "residual").length;
  let shape = inputShape;
  const hidden = layers.map((layer, i) => {
    const block = declareBlock(draft, `${layer.kind}${i + 1}`, layer, shape, branches);
    shape = block.output;
    return block;
  });
  const last = declareAffine(draft, `dense${layers.length + 1}`, dense(classes), shape, { last: true });
  const { b, parameters, size } = draft;
  const images = b.input("images", ["N", ...inputShape]);
  const features = hidden.reduce((x, block) => through(b, block, x), normalise(b, images, normalisation));
  const inputs = [images, ...parameters.map(({ input }) => input)];
  const graph = makeGraph(inputs, [{ name: "logits", value: affine(b, last, features) }]);
  return { name, graph, inputShape, classes, parameters, size, branches, neurons: draft.neurons + classes };
}

/** A network while it is built. */
interface Draft {
  readonly b: Builder;
  readonly name: string;
  readonly parameters: DrawnParameter[];
  size: number;
  neurons: number;
}

function declareBlock(draft: Draft, label: string, layer: Layer, input: readonly number[], branches: number): Block {
  switch (layer.kind) {
    case "conv":
    case "dense": {
      const block = declareAffine(draft, label, layer, input);
      draft.neurons += sizeOf(block.output);
      return block;
    }
    case "residual": {
      const block = declareResidual(draft, label, layer, input, branches);
      draft.neurons += sizeOf(block.first.output) + sizeOf(block.output);
      return block;
    }
    case "pool":
      return { kind: "pool", input, output: [imageShape(draft.name, input)[0]!] };
  }
}

/**
 * Each branch adds nothing at first, and what it adds after one step does not grow with the number of branches: so the
 * signal keeps its size without normalisation.
 *
 * @source Zhang, Dauphin, Ma 2019, Fixup (arXiv:1901.09321): rules 1 and 2 for branches of two layers; the last layer is
 *   not set to zero, and biases stand for the scalars of rule 3
 */
function declareResidual(
  draft: Draft,
  label: string,
  { filters, stride }: ResidualLayer,
  input: readonly number[],
  branches: number,
): ResidualBlock {
  const part = (name: string, layer: ConvLayer, shape: readonly number[], gain: number) =>
    declareAffine(draft, `${label}.${name}`, layer, shape, { gain });
  const first = part("first", conv(filters, 3, stride, 1), input, 1 / Math.sqrt(branches));
  const second = part("second", conv(filters, 3, 1, 1), first.output, 0);
  const changes = stride !== 1 || filters !== input[0];
  const shortcut = changes ? part("shortcut", conv(filters, 1, stride, 0), input, 1) : undefined;
  return { kind: "residual", first, second, shortcut, input, output: second.output };
}

function declareAffine(
  draft: Draft,
  label: string,
  layer: AffineLayer,
  shape: readonly number[],
  { gain = 1, last = false } = {},
): AffineBlock {
  const input = layer.kind === "dense" ? [sizeOf(shape)] : shape;
  const weights = weightShape(layer, input, draft.name);
  const fanIn = layer.kind === "dense" ? input[0]! : sizeOf(weights.slice(1));
  const declare = (role: "weight" | "bias", of: readonly number[]): DrawnParameter => {
    const [name, size, offset] = [`${label}.${role}`, sizeOf(of), draft.size];
    const parameter = { name, role, shape: of, fanIn, offset, size, last, gain, input: draft.b.input(name, of) };
    draft.parameters.push(parameter);
    draft.size += size;
    return parameter;
  };
  const output = outputShape(layer, input, draft.name);
  return {
    kind: "affine",
    layer,
    input,
    output,
    weight: declare("weight", weights),
    bias: declare("bias", [output[0]!]),
  };
}

function checkNormalisation(normalisation: InputNormalisation | undefined, [channels = 1]: readonly number[]): void {
  for (const [name, numbers] of Object.entries(normalisation ?? {}) as [string, readonly number[]][])
    if (numbers.length !== 1 && numbers.length !== channels)
      throw new ArchitectureError(
        `normalisation: "${name}" has ${numbers.length} numbers for ${channels} channels; give one, or one a channel`,
      );
}

const weightShape = (layer: AffineLayer, input: readonly number[], name: string): number[] =>
  layer.kind === "dense"
    ? [input[0]!, layer.units]
    : [layer.filters, imageShape(name, input)[0]!, layer.kernel, layer.kernel];

function imageShape(name: string, shape: readonly number[]): readonly number[] {
  if (shape.length === 3) return shape;
  throw new ArchitectureError(`${name} begins with a convolution and takes [C, H, W]; these samples are [${shape}]`);
}

const windows = ({ stride, pad }: ConvLayer) => ({
  strides: [stride, stride],
  dilations: [1, 1],
  pads: [pad, pad, pad, pad],
});

function outputShape(layer: AffineLayer, input: readonly number[], name: string): number[] {
  if (layer.kind === "dense") return [layer.units];
  const sizes = input.slice(1).map((size, axis) => windowCount(size, layer.kernel, axis, windows(layer)));
  if (sizes.some((size) => size < 1)) throw new ArchitectureError(`samples of [${input}] are too small for ${name}`);
  return [layer.filters, ...sizes];
}

function through(b: Builder, block: Block, x: Value): Value {
  const relu = (y: Value) => b.emit("Relu", [y]);
  switch (block.kind) {
    case "affine":
      return relu(affine(b, block, x));
    case "residual": {
      const { first, second, shortcut } = block;
      const branch = affine(b, second, relu(affine(b, first, x)));
      return relu(add(b, branch, shortcut ? affine(b, shortcut, x) : x));
    }
    case "pool": {
      const sum = b.emit("ReduceSum", [x], { axes: [2, 3], keepdims: false });
      return scale(b, sum, 1 / sizeOf(block.input.slice(1)));
    }
  }
}

function affine(b: Builder, { layer, weight, bias }: AffineBlock, x: Value): Value {
  if (layer.kind === "dense") return add(b, b.emit("MatMul", [flatten(b, x), weight.input]), bias.input);
  const product = b.emit("Conv", [x, weight.input], { ...windows(layer), group: 1 });
  return add(b, product, b.emit("Reshape", [bias.input], { shape: [1, layer.filters, 1, 1] }));
}

/** Pixels as the first layer takes them. */
function normalise(b: Builder, x: Value, normalisation: InputNormalisation | undefined): Value {
  if (!normalisation) return x;
  const perChannel = (numbers: readonly number[]) => {
    const shape = [1, numbers.length, ...x.shape.slice(2).map(() => 1)];
    return b.constant({ dtype: "float", shape, data: Float32Array.from(numbers) });
  };
  return b.emit("Div", [b.emit("Sub", [x, perChannel(normalisation.mean)]), perChannel(normalisation.std)]);
}

function flatten(b: Builder, x: Value): Value {
  if (x.shape.length === 2) return x;
  const units = sizeOf(x.shape.slice(1).map((dim) => fixed(dim, "an axis of a layer")));
  return b.emit("Reshape", [x], { shape: ["N", units] });
}
