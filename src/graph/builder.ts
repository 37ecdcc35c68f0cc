import { ShapeError, sizeOf } from "./dims.ts";
import type { OpName } from "./signatures.ts";
import type { Builder, ConstantValue, InputValue, NodeValue, Tensor, Value, ValueType } from "./types.ts";

/** Works out the type of a node before it exists, or throws a ShapeError. */
export type Infer = (op: OpName, inputs: readonly Value[], attrs: unknown) => ValueType;

/**
 * A builder that infers shapes and returns one object for structurally equal nodes (common subexpressions).
 * Values of other graphs may be used as inputs: graphs share structure.
 *
 * @throws ShapeError naming the op, and the node where it has a name
 */
export function makeBuilder(infer: Infer): Builder {
  const nodes = new Map<string, NodeValue>();
  const constants = new Map<string, ConstantValue>();
  const numbers = new WeakMap<Value, number>();
  let count = 0;
  const numberOf = (value: Value): number => {
    const known = numbers.get(value);
    if (known !== undefined) return known;
    numbers.set(value, count);
    return count++;
  };

  const tensorConstant = (tensor: Tensor): ConstantValue => {
    const key = smallKey(tensor);
    const known = key === undefined ? undefined : constants.get(key);
    if (known) return known;
    const value = makeConstant(tensor);
    if (key !== undefined) constants.set(key, value);
    return value;
  };

  return {
    emit(op, inputs, attrs = {} as never, name = undefined as never) {
      const key = `${op} ${inputs.map(numberOf).join(",")} ${JSON.stringify(attrs, exactly)}`;
      const known = nodes.get(key);
      if (known) return known as never;
      const node = makeNode(infer, op, inputs, attrs as never, name);
      nodes.set(key, node);
      return node as never;
    },
    constant(value, shape) {
      if (typeof value !== "number") return tensorConstant(value);
      const data = new Float32Array(sizeOf(shape ?? [])).fill(value);
      // a number that float32 cannot hold keeps its double for float64 targets
      const exact = Number.isNaN(value) || Math.fround(value) === value;
      return tensorConstant({
        dtype: "float",
        shape: shape ?? [],
        data: exact ? data : new Float64Array(data.length).fill(value),
      });
    },
    ints: (values, shape) =>
      tensorConstant({ dtype: "int", shape: shape ?? [values.length], data: Int32Array.from(values) }),
    input: (name, shape, dtype = "float"): InputValue => Object.freeze({ kind: "input", name, shape, dtype }),
  };
}

export const makeConstant = (tensor: Tensor, name?: string): ConstantValue =>
  Object.freeze({ kind: "constant", shape: tensor.shape, dtype: tensor.dtype, tensor, name });

function makeNode<K extends OpName>(
  infer: Infer,
  op: K,
  inputs: readonly Value[],
  attrs: NodeValue<K>["attrs"],
  name?: string,
): NodeValue<K> {
  let type: ValueType;
  try {
    type = infer(op, inputs, attrs);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const place = name === undefined ? op : `${op} "${name}"`;
    const got = inputs.map((input) => `[${input.shape}]`).join(", ");
    throw new ShapeError(`${place}: ${error.message}; inputs ${got}`, { cause: error });
  }
  return Object.freeze({ kind: "node", op, inputs, attrs, ...type, name });
}

/** JSON has no infinities, no NaN and no −0, and would make different attributes one key. */
const exactly = (_: string, attr: unknown): unknown =>
  typeof attr === "number" && (!Number.isFinite(attr) || Object.is(attr, -0))
    ? `number ${Object.is(attr, -0) ? "-0" : attr}`
    : attr;

/** Small constants are shared by content. */
const SHARED_CONSTANT_ELEMENTS = 16;

function smallKey({ dtype, shape, data }: Tensor): string | undefined {
  if (data.length > SHARED_CONSTANT_ELEMENTS) {
    const first = data[0]!;
    if (data.length > 1 << 20 || !data.every((value) => Object.is(value, first))) return undefined;
    return `${dtype} ${shape} ${data.constructor.name} all ${Object.is(first, -0) ? "-0" : first}`;
  }
  return `${dtype} ${shape} ${data.constructor.name} ${Array.from(data, (v) => (Object.is(v, -0) ? "-0" : v))}`;
}
