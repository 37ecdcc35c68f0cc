/** @file One node of the file, as converters see it: typed attributes, operands, and a way to emit ops. */

import type { Dim, Shape } from "../../graph/dims.ts";
import type { OpAttrs, OpName } from "../../graph/signatures.ts";
import type { Tensor, Value } from "../../graph/types.ts";
import type { NodeSource } from "./body.ts";
import type { Emitter } from "./emitter.ts";
import { OnnxError, UnsupportedError } from "./error.ts";
import { asDims, moveDims, type Operand } from "./operand.ts";
import type { AttributeProto, TensorProto } from "./proto.ts";
import { readTensor } from "./tensor.ts";

/** Where attributes hold longer lists than any op has a use for. */
const MAX_LIST = 1 << 20;

export interface NodeContext {
  readonly opset: number;
  readonly emitter: Emitter;
  readonly needed: ReadonlySet<string>;
  /** Of the operands: a TensorProto.DataType for half precision and whole numbers of few bits. */
  readonly types?: readonly (number | undefined)[];
}

export class OnnxNode {
  readonly source: NodeSource;
  readonly opset: number;
  readonly b: Emitter;
  readonly #operands: readonly (Operand | undefined)[];
  readonly #attributes: ReadonlyMap<string, AttributeProto>;
  readonly #needed: ReadonlySet<string>;
  readonly #types: readonly (number | undefined)[];

  constructor(source: NodeSource, operands: readonly (Operand | undefined)[], context: NodeContext) {
    const { opset, emitter, needed, types = [] } = context;
    this.source = source;
    this.opset = opset;
    this.b = emitter;
    this.#operands = operands;
    this.#needed = needed;
    this.#types = types;
    this.#attributes = new Map((source.proto.attribute ?? []).map((attribute) => [attribute.name ?? "", attribute]));
    if (this.#attributes.size !== (source.proto.attribute ?? []).length)
      throw this.error("has two attributes of one name");
  }

  error(fact: string): OnnxError {
    return new OnnxError(fact, { node: this.source.place });
  }

  unsupported(fact: string): UnsupportedError {
    return new UnsupportedError(fact, { node: this.source.place });
  }

  // ---------------------------------------------------------------- operands

  get arity(): number {
    return this.#operands.length;
  }

  get outputs(): number {
    return this.source.outputs.length;
  }

  /** Is this output there? The runtime may make it whether or not anything reads it. */
  declares(output: number): boolean {
    return (this.source.outputs[output] ?? "") !== "";
  }

  /** Is this output there and used? */
  wants(output: number): boolean {
    const name = this.source.outputs[output];
    return name !== undefined && name !== "" && this.#needed.has(name);
  }

  has(index: number): boolean {
    return this.#operands[index] !== undefined;
  }

  /** A TensorProto.DataType for half precision and whole numbers of few bits, which are read as floats; else undefined. */
  typeOf(index: number): number | undefined {
    return this.#types[index];
  }

  operand(index: number): Operand {
    const operand = this.#operands[index];
    if (!operand) throw this.error(`its input ${index} is missing`);
    return operand;
  }

  value(index: number): Value {
    return this.toValue(this.operand(index));
  }

  values(): Value[] {
    return this.#operands.map((_, index) => this.value(index));
  }

  optional(index: number): Value | undefined {
    return this.has(index) ? this.value(index) : undefined;
  }

  toValue(operand: Operand): Value {
    if (operand.kind !== "dims") return operand;
    if (operand.entries.some((entry) => typeof entry !== "number"))
      throw this.unsupported("computes with the batch size, which is not known at import");
    return this.b.ints(operand.entries as number[], operand.shape);
  }

  /** An op that moves elements, on values or on integers known at import. */
  move<K extends OpName>(op: K, operands: readonly Operand[], attrs: OpAttrs[K]): Operand {
    if (operands.some((operand) => operand.kind === "dims")) {
      const known = operands.map(asDims);
      if (known.every((operand) => operand !== undefined)) return moveDims(op, known, attrs);
    }
    return this.b.emit(
      op,
      operands.map((operand) => this.toValue(operand)),
      attrs,
    );
  }

  /** Integers that must be known at import, such as a shape. */
  dims(index: number): readonly Dim[] {
    const known = asDims(this.operand(index));
    if (known) return known.entries;
    const tensor = this.b.constantOf(this.value(index));
    if (!tensor) throw this.unsupported(`its input ${index} depends on the data; only constant ones are supported`);
    return Array.from(tensor.data);
  }

  numbers(index: number): readonly number[] {
    const entries = this.dims(index);
    if (entries.some((entry) => typeof entry !== "number"))
      throw this.unsupported(`its input ${index} depends on the batch size`);
    return entries as readonly number[];
  }

  /** Numbers that must be known at import: a bound, a scale. */
  constant(index: number): Tensor {
    const tensor = this.b.constantOf(this.value(index));
    if (!tensor) throw this.unsupported(`its input ${index} depends on the data; only constant ones are supported`);
    return tensor;
  }

  scalar(index: number): number {
    const { data } = this.constant(index);
    if (data.length !== 1) throw this.error(`its input ${index} should be one number, not ${data.length}`);
    return data[0]!;
  }

  // ---------------------------------------------------------------- attributes

  hasAttribute(name: string): boolean {
    return this.#attributes.has(name);
  }

  int(name: string, missing?: number): number {
    return this.#attribute(name, 2, missing, ({ i }) => i ?? 0);
  }

  float(name: string, missing?: number): number {
    const value = this.#attribute(name, 1, missing, ({ f }) => f ?? 0);
    if (Number.isNaN(value)) throw this.error(`its attribute ${name} is not a number`);
    return value;
  }

  /** Of a float: is it there, and no number? */
  isNaN(name: string): boolean {
    return this.#attribute(name, 1, false, ({ f }) => Number.isNaN(f ?? 0));
  }

  string(name: string, missing?: string): string {
    return this.#attribute(name, 3, missing, ({ s }) => new TextDecoder().decode(s));
  }

  ints(name: string, missing?: readonly number[]): readonly number[] {
    return this.#attribute(name, 7, missing, ({ ints }) => this.#short(name, ints ?? []));
  }

  floats(name: string, missing?: readonly number[]): readonly number[] {
    return this.#attribute(name, 6, missing, ({ floats }) => this.#short(name, floats ?? []));
  }

  strings(name: string): readonly string[] {
    const text = new TextDecoder();
    return this.#attribute(name, 8, undefined, ({ strings }) =>
      this.#short(name, strings ?? []).map((bytes) => text.decode(bytes)),
    );
  }

  tensor(name: string): Tensor {
    const proto = this.#attribute<TensorProto | null>(name, 4, undefined, ({ t }) => t ?? null);
    if (!proto) throw this.error(`its attribute ${name} holds no tensor`);
    return readTensor(proto, `${this.source.name}.${name}`);
  }

  #short<T>(name: string, list: readonly T[]): readonly T[] {
    if (list.length > MAX_LIST) throw this.error(`its attribute ${name} has ${list.length} entries`);
    return list;
  }

  #attribute<T>(name: string, type: number, missing: T | undefined, read: (attribute: AttributeProto) => T): T {
    const attribute = this.#attributes.get(name);
    if (!attribute) {
      if (missing !== undefined) return missing;
      throw this.error(`needs the attribute ${name}`);
    }
    if (attribute.refAttrName) throw this.unsupported(`its attribute ${name} refers to a function's`);
    // files of the first ONNX versions leave the type out
    if (attribute.type && attribute.type !== type) throw this.error(`its attribute ${name} has the wrong type`);
    return read(attribute);
  }

  // ---------------------------------------------------------------- axes

  /** A non-negative axis of a tensor of this rank. */
  axis(axis: number, rank: number): number {
    const resolved = axis < 0 ? axis + rank : axis;
    if (!(Number.isInteger(resolved) && resolved >= 0 && resolved < rank))
      throw this.error(`there is no axis ${axis} in a tensor of ${rank} axes`);
    return resolved;
  }

  axes(axes: readonly number[], rank: number): number[] {
    const resolved = axes.map((axis) => this.axis(axis, rank)).sort((a, b) => a - b);
    if (new Set(resolved).size !== resolved.length) throw this.error(`its axes [${axes}] repeat`);
    return resolved;
  }

  /** A list that newer opsets give as an input and older ones as an attribute. */
  listAt(index: number, attribute: string): readonly number[] | undefined {
    if (this.has(index)) return this.numbers(index);
    return this.hasAttribute(attribute) ? this.ints(attribute) : undefined;
  }

  /** The size of an axis that must not be the batch. */
  fixed(shape: Shape, axis: number, what = "its axis"): number {
    const dim = shape[axis];
    if (typeof dim !== "number") throw this.unsupported(`${what} ${axis} of [${shape}] must have a fixed size`);
    return dim;
  }
}
