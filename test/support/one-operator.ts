/** @file How a row of the table of one-operator models becomes a model file. */

import { type AttributeProto, DATA_TYPE, encodeModel, type TensorProto } from "../../src/formats/onnx/proto.ts";
import { sizeOf } from "../../src/graph/dims.ts";
import { rng } from "../../src/random/rng.ts";
import { floats, info, ints, node } from "../helpers/onnx-seeds.ts";

/** A model of one operator (now and then two), with an input "x" and an output "y". */
export interface OneOperatorModel {
  /** Operator, opset and what is particular; unique. */
  readonly name: string;
  readonly opset: number;
  readonly bytes: Uint8Array;
  /** Of "x" with one sample; the file may leave the first axis open. */
  readonly shape: readonly number[];
  /** Where the operator is meant to be used: its domain. */
  readonly range: readonly [number, number];
  /** Is "y" one row of at least two floats for each sample, [N, K], as the scores of classes are? */
  readonly classifier: boolean;
}

/** A float attribute whose value is a whole number. */
export const real = (value: number): Real => ({ real: value });
interface Real {
  readonly real: number;
}
interface Floats {
  readonly floats: readonly number[];
}

interface Strings {
  readonly strings: readonly string[];
}

type Attribute = number | string | boolean | Real | Floats | Strings | readonly number[] | TensorProto;

function attribute(name: string, value: Attribute): AttributeProto {
  if (typeof value === "boolean") return { name, type: 2, i: value ? 1 : 0 };
  if (typeof value === "number")
    return Number.isInteger(value) ? { name, type: 2, i: value } : { name, type: 1, f: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (Array.isArray(value))
    return value.every(Number.isInteger) ? { name, type: 7, ints: value } : { name, type: 6, floats: value };
  if ("real" in value) return { name, type: 1, f: value.real };
  if ("floats" in value) return { name, type: 6, floats: value.floats };
  if ("strings" in value)
    return { name, type: 8, strings: value.strings.map((text) => new TextEncoder().encode(text)) };
  return { name, type: 4, t: value as TensorProto };
}

export type Attributes = Readonly<Record<string, Attribute>>;

export const attributes = (attrs: Attributes): AttributeProto[] =>
  Object.entries(attrs).map(([name, value]) => attribute(name, value));

/** Constants for a row's inputs: weights are normal and differ by `label`. */
export const weights = (dims: readonly number[], label = "w"): TensorProto => {
  const data = new Float64Array(sizeOf(dims));
  rng(31).split(`${label} ${dims}`).fillNormal(data);
  return floats("", dims, Array.from(data));
};
export const positives = (dims: readonly number[], label = "w"): TensorProto => {
  const data = new Float64Array(sizeOf(dims));
  rng(31).split(`${label} ${dims}`).fillUniform(data, 0.5, 2);
  return floats("", dims, Array.from(data));
};
export const numbers = (values: readonly number[], dims: readonly number[] = [values.length]): TensorProto =>
  floats("", dims, values);
export const number = (value: number): TensorProto => floats("", [], [value]);
export const integers = (values: readonly number[], dims: readonly number[] = [values.length]): TensorProto => ({
  ...ints("", values),
  dims,
});
export const integer = (value: number): TensorProto => integers([value], []);
export const bools = (values: readonly number[], dims: readonly number[] = [values.length]): TensorProto => ({
  name: "",
  dims,
  dataType: DATA_TYPE.BOOL,
  int32Data: values,
});

/** An operator on "x", on constants, or on the result of the one before it ("_"); "" leaves an input out. */
export type Call = readonly [op: string, attrs?: Attributes, ...inputs: (string | TensorProto)[]];

export interface Row {
  readonly op: string;
  readonly attrs?: Attributes;
  /** After "x", or all of them where one is "x". */
  readonly inputs?: readonly (string | TensorProto)[];
  /** What is particular about this row. */
  readonly about?: string;
  readonly shape?: readonly number[];
  readonly opset?: number;
  readonly range?: readonly [number, number];
  /** Names of the operator's outputs; what `behind` works on. */
  readonly outputs?: readonly string[];
  /** Operators behind it, such as the cast of an answer that is no float. */
  readonly behind?: readonly Call[];
  /** The file leaves the batch open. */
  readonly open?: boolean;
  readonly domain?: string;
  /** The output's element type, where it is not float. */
  readonly elementType?: number;
  /** The output is no row of scores, although it has the shape. */
  readonly scores?: boolean;
}

export function oneOperatorModel(row: Row): OneOperatorModel {
  const { op, attrs = {}, inputs = [], shape = [1, 6], opset = 17, range = [-3, 3], behind = [], outputs } = row;
  const initializer: TensorProto[] = [];
  const named = (input: string | TensorProto): string => {
    if (typeof input === "string") return input;
    const name = `c${initializer.length}`;
    initializer.push({ ...input, name });
    return name;
  };
  const all = inputs.includes("x") ? inputs : ["x", ...inputs];
  const made = outputs ?? [behind.length === 0 ? "y" : "_0"];
  const main = { ...node(op, all.map(named), made, attributes(attrs)), domain: row.domain ?? "" };
  const rest = behind.map(([next, more = {}, ...given], i) => {
    const before = i === 0 ? made[0]! : `_${i}`;
    const inputNames = (given.length === 0 ? ["_"] : given).map(named).map((name) => (name === "_" ? before : name));
    return node(next, inputNames, [i === behind.length - 1 ? "y" : `_${i + 1}`], attributes(more));
  });
  const declared = row.open ? ["N", ...shape.slice(1)] : shape;
  const graph = {
    name: "one operator",
    node: [main, ...rest],
    initializer,
    input: [info("x", declared)],
    output: [{ name: "y", type: { tensorType: { elemType: row.elementType ?? DATA_TYPE.FLOAT } } }],
  };
  const domains = row.domain === undefined ? [] : [{ domain: row.domain, version: 3 }];
  const shown = Object.entries(attrs).map(([name, value]) => `${name} ${show(value)}`);
  return {
    name: [`${op} ${opset}`, row.about, ...shown, row.open ? "open batch" : undefined].filter(Boolean).join(", "),
    opset,
    bytes: encodeModel({ irVersion: 8, opsetImport: [{ domain: "", version: opset }, ...domains], graph }),
    shape,
    range,
    classifier: row.scores ?? (shape.length === 2 && (row.elementType ?? DATA_TYPE.FLOAT) === DATA_TYPE.FLOAT),
  };
}

const show = (value: Attribute): string =>
  typeof value !== "object"
    ? String(value)
    : Array.isArray(value)
      ? `[${value}]`
      : "real" in value
        ? `${value.real}`
        : "";
