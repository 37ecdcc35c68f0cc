/** @file The networks that Assay trains, by name: the seven of the certification benchmark, and the one of backdoor scans. */

import { fixed, sizeOf } from "../../graph/dims.ts";
import type { Builder, Value } from "../../graph/types.ts";
import { windowCount } from "../../ops/conv.ts";
import { add } from "../../ops/rules.ts";

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

export type Layer = ConvLayer | DenseLayer;

export const conv = (filters: number, kernel: number, stride: number, pad: number): Layer => ({
  kind: "conv",
  filters,
  kernel,
  stride,
  pad,
});
export const dense = (units: number): Layer => ({ kind: "dense", units });

/**
 * Hidden layers, a ReLU after each; `buildModel` adds the last dense layer, one unit a class.
 * @source FCNN, CNN: SoK: Certified Robustness for Deep Neural Networks (arXiv:2009.04131), table of architectures
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
} as const satisfies Record<string, readonly Layer[]>;

export type ArchitectureName = keyof typeof ARCHITECTURES;

export const ARCHITECTURE_NAMES = Object.keys(ARCHITECTURES) as ArchitectureName[];

/** A tensor of weights or biases, and where it lies in the flat vector of all parameters. */
export interface Parameter {
  readonly name: string;
  readonly role: "weight" | "bias";
  /** Convolution [out, in, k, k], dense [in, out], bias [out]. */
  readonly shape: readonly number[];
  /** Inputs of one unit. */
  readonly fanIn: number;
  readonly offset: number;
  readonly size: number;
  /** Of the last layer. */
  readonly last: boolean;
}

/** Per channel: (x − mean) / std of pixels in [0, 1], as the first step of the network. */
export interface InputNormalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A layer with its parameters. */
export interface Block {
  readonly layer: Layer;
  readonly weight: Parameter;
  readonly bias: Parameter;
}

/** A network to train: its layers with their parameters, without values. */
export interface Model {
  readonly name: string;
  /** Of one sample: [C, H, W]. */
  readonly inputShape: readonly number[];
  readonly classes: number;
  readonly normalisation: InputNormalisation | undefined;
  readonly blocks: readonly Block[];
  readonly parameters: readonly Parameter[];
  /** Number of all parameters: the length of the flat vector. */
  readonly size: number;
  /** Units of all layers, logits included. */
  readonly neurons: number;
}

export class ArchitectureError extends Error {
  override readonly name = "ArchitectureError";
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
  hidden: readonly Layer[],
  inputShape: readonly number[],
  classes: number,
  normalisation?: InputNormalisation,
): Model {
  checkNormalisation(normalisation, inputShape);
  const layers = [...hidden, dense(classes)];
  const parameters: Parameter[] = [];
  const blocks: Block[] = [];
  let [shape, offset, neurons] = [inputShape, 0, 0];
  layers.forEach((layer, i) => {
    const input = layer.kind === "dense" ? [sizeOf(shape)] : shape;
    const weights = weightShape(layer, input, name);
    const fanIn = layer.kind === "dense" ? input[0]! : sizeOf(weights.slice(1));
    const declare = (role: "weight" | "bias", of: readonly number[]): Parameter => {
      const last = i === layers.length - 1;
      const parameter = {
        name: `${layer.kind}${i + 1}.${role}`,
        role,
        shape: of,
        fanIn,
        offset,
        size: sizeOf(of),
        last,
      };
      offset += parameter.size;
      parameters.push(parameter);
      return parameter;
    };
    shape = outputShape(layer, input, name);
    neurons += sizeOf(shape);
    blocks.push({ layer, weight: declare("weight", weights), bias: declare("bias", [shape[0]!]) });
  });
  return { name, inputShape, classes, normalisation, blocks, parameters, size: offset, neurons };
}

function checkNormalisation(normalisation: InputNormalisation | undefined, [channels = 1]: readonly number[]): void {
  for (const [name, numbers] of Object.entries(normalisation ?? {}) as [string, readonly number[]][])
    if (numbers.length !== 1 && numbers.length !== channels)
      throw new ArchitectureError(
        `normalisation: "${name}" has ${numbers.length} numbers for ${channels} channels; give one, or one a channel`,
      );
}

const weightShape = (layer: Layer, input: readonly number[], name: string): number[] => {
  if (layer.kind === "dense") return [input[0]!, layer.units];
  if (input.length !== 3)
    throw new ArchitectureError(`${name} begins with a convolution and takes [C, H, W]; these samples are [${input}]`);
  return [layer.filters, input[0]!, layer.kernel, layer.kernel];
};

const windows = ({ stride, pad }: ConvLayer) => ({
  strides: [stride, stride],
  dilations: [1, 1],
  pads: [pad, pad, pad, pad],
});

function outputShape(layer: Layer, input: readonly number[], name: string): number[] {
  if (layer.kind === "dense") return [layer.units];
  const sizes = input.slice(1).map((size, axis) => windowCount(size, layer.kernel, axis, windows(layer)));
  if (sizes.some((size) => size < 1)) throw new ArchitectureError(`samples of [${input}] are too small for ${name}`);
  return [layer.filters, ...sizes];
}

/** The values of all parameters in a graph: each of its parameter's shape. */
export type ParameterValues = ReadonlyMap<Parameter, Value>;

/**
 * Everything but the last layer: the hidden features that it reads.
 * @param x [N, C, H, W], pixels  @returns [N, F]
 */
export function features(b: Builder, model: Model, values: ParameterValues, x: Value): Value {
  let y = normalise(b, model, x);
  for (const { layer, weight, bias } of model.blocks.slice(0, -1)) {
    y = layer.kind === "conv" ? y : flatten(b, y);
    y = b.emit("Relu", [affine(b, layer, y, values.get(weight)!, values.get(bias)!)]);
  }
  return flatten(b, y);
}

/** [N, F] → [N, classes]. */
export function head(b: Builder, model: Model, values: ParameterValues, hidden: Value): Value {
  const { layer, weight, bias } = model.blocks.at(-1)!;
  return affine(b, layer, hidden, values.get(weight)!, values.get(bias)!);
}

/** [N, C, H, W] → logits [N, classes]. */
export const forward = (b: Builder, model: Model, values: ParameterValues, x: Value): Value =>
  head(b, model, values, features(b, model, values, x));

function affine(b: Builder, layer: Layer, x: Value, weight: Value, bias: Value): Value {
  if (layer.kind === "dense") return add(b, b.emit("MatMul", [x, weight]), bias);
  const product = b.emit("Conv", [x, weight], { ...windows(layer), group: 1 });
  return add(b, product, b.emit("Reshape", [bias], { shape: [1, layer.filters, 1, 1] }));
}

/** Pixels as the first layer takes them. */
export function normalise(b: Builder, { normalisation, inputShape }: Model, x: Value): Value {
  if (!normalisation) return x;
  const perChannel = (numbers: readonly number[]) => {
    const shape = [1, numbers.length, ...inputShape.slice(1).map(() => 1)];
    return b.constant({ dtype: "float", shape, data: Float32Array.from(numbers) });
  };
  return b.emit("Div", [b.emit("Sub", [x, perChannel(normalisation.mean)]), perChannel(normalisation.std)]);
}

function flatten(b: Builder, x: Value): Value {
  if (x.shape.length === 2) return x;
  const units = sizeOf(x.shape.slice(1).map((dim) => fixed(dim, "an axis of a layer")));
  return b.emit("Reshape", [x], { shape: ["N", units] });
}
