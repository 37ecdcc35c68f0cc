/** @file The builder that converters write through: it folds what is known at import and bounds what a file may ask. */

import { bindDim, elements, isBatched, type Shape, ShapeError } from "../../graph/dims.ts";
import type { OpAttrs, OpName } from "../../graph/signatures.ts";
import type { Builder, ConstantValue, NodeValue, Tensor, Value } from "../../graph/types.ts";
import { builder, recordOf } from "../../ops/index.ts";
import { mixesBatch } from "./batch.ts";
import { evaluateConstant, isFoldable } from "./fold.ts";
import { MAX_RANK } from "./tensor.ts";

/** Elements of one tensor at batch size 1: float32 of 1 GiB. */
const MAX_ELEMENTS = 2 ** 28;
/** Elements that import may make in all, beside as many as the file itself holds: it bounds time and memory. */
const MAX_MADE_ELEMENTS = 2 ** 24;
/** A constant that a shape or bound is read from is computed by the slow reference, recursively: this many elements. */
const MAX_EVALUATED_ELEMENTS = 2000;

export interface EmitterOptions {
  /** The batch that the file fixes, where it is read as any batch; undefined where the file leaves it open. */
  readonly fileBatch?: number | undefined;
  /** Refuse what would mix the samples of a batch. */
  readonly samplesAlone: boolean;
  /** Elements stored in the file. */
  readonly stored: number;
}

export class Emitter implements Builder {
  readonly fileBatch: number | undefined;
  readonly samplesAlone: boolean;
  /** Given to the nodes that are emitted: the name of the file's node. */
  name: string | undefined;
  readonly #builder = builder();
  readonly #constants = new Map<Value, Tensor>();
  readonly #work = new Map<Value, number>();
  #budget: number;

  constructor({ fileBatch, samplesAlone, stored }: EmitterOptions) {
    this.fileBatch = fileBatch;
    this.samplesAlone = samplesAlone;
    this.#budget = MAX_MADE_ELEMENTS + 4 * stored;
  }

  /** Typed as a node for the rules that expect a Builder; a folded result is a constant. */
  emit<K extends OpName>(
    op: K,
    inputs: readonly Value[],
    ...[attrs]: [attrs?: OpAttrs[K], name?: string]
  ): NodeValue<K> {
    const node = this.#builder.emit(op, inputs, ...([attrs ?? {}, this.name] as never)) as Value;
    this.check(node.shape);
    if (this.samplesAlone) {
      const reason = mixesBatch(op, inputs, attrs as never, node.shape);
      if (reason) throw new ShapeError(`${op} ${reason}`);
    }
    const folded = this.#fold(op, inputs, attrs as OpAttrs[K], node);
    if (!folded) this.#count(inputs, node);
    return (folded ?? node) as never;
  }

  constant(value: number | Tensor, shape?: readonly number[]): ConstantValue {
    this.check(typeof value === "number" ? (shape ?? []) : value.shape);
    return this.#builder.constant(value, shape);
  }

  ints(values: readonly number[], shape?: readonly number[]): ConstantValue {
    return this.#builder.ints(values, shape);
  }

  input(...args: Parameters<Builder["input"]>): ReturnType<Builder["input"]> {
    this.check(args[1]);
    return this.#builder.input(...args);
  }

  /** @throws ShapeError for tensors that no honest model makes, before anything of their size exists */
  check(shape: Shape): void {
    if (shape.length > MAX_RANK) throw new ShapeError(`a tensor of ${shape.length} axes is not supported`);
    const symbolic = shape.filter((dim) => typeof dim !== "number").length;
    if (symbolic > 1) throw new ShapeError(`[${shape}] would have more than one batch axis`);
    const sizes = shape.map((dim) => bindDim(dim, 1));
    if (sizes.some((size) => !(Number.isSafeInteger(size) && size >= 0)))
      throw new ShapeError(`the shape [${shape}] is impossible`);
    const size = bulk(sizes);
    if (!(size <= MAX_ELEMENTS)) throw new ShapeError(`a tensor of ${size} elements is too large`);
  }

  /** Asks to make a list or constant of this many elements. @throws ShapeError when the file has asked for too many */
  claim(...sizes: readonly number[]): void {
    const count = bulk(sizes);
    if (!(count <= this.#budget)) throw new ShapeError(`a constant of ${count} elements is too large`);
    this.#budget -= count;
  }

  #fold<K extends OpName>(op: K, inputs: readonly Value[], attrs: OpAttrs[K], node: Value): Value | undefined {
    if (!inputs.every((input) => input.kind === "constant")) return undefined;
    const cost = [node, ...inputs].reduce((sum, { shape }) => sum + bindDim(elements(shape), 1), 0);
    if (isBatched(node.shape) || cost > this.#budget || !isFoldable(op, inputs, node.dtype)) return undefined;
    this.#budget -= cost;
    const tensors = inputs.map((input) => input.tensor);
    return this.constant(evaluateConstant(op, tensors, attrs));
  }

  /** Counts the work of computing a node that depends on constants alone, while it is small. */
  #count(inputs: readonly Value[], node: Value): void {
    let work = bindDim(elements(node.shape), 1);
    for (const input of inputs) {
      const part = input.kind === "constant" ? input.tensor.data.length : this.#work.get(input);
      if (part === undefined) return;
      work += part;
    }
    if (work <= MAX_EVALUATED_ELEMENTS && !isBatched(node.shape)) this.#work.set(node, work);
  }

  /** The value where it depends on no input: for scales, bounds and shapes computed in floating point. */
  constantOf(value: Value): Tensor | undefined {
    if (value.kind === "constant") return value.tensor;
    if (value.kind === "input" || !this.#work.has(value)) return undefined;
    const known = this.#constants.get(value);
    if (known) return known;
    // as deep as #count allows
    const inputs = value.inputs.map((input) => this.constantOf(input)!);
    const tensor = recordOf(value.op).evaluate(inputs, value.attrs as never);
    this.#constants.set(value, tensor);
    return tensor;
  }
}

/** Elements, an empty axis counting as 1: beside one, another axis may still claim any size. */
const bulk = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * Math.max(1, size), 1);
