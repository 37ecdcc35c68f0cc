/** @file The table of ops. An op exists when it is listed here. */

import { makeBuilder } from "../graph/builder.ts";
import { ShapeError } from "../graph/dims.ts";
import type { OpName } from "../graph/signatures.ts";
import type { Builder } from "../graph/types.ts";
import { Add, Div, Max, Min, Mul, Sub } from "./arithmetic.ts";
import { Conv, ConvTranspose } from "./conv.ts";
import { MatMul, ReduceSum } from "./linear.ts";
import { Concat, Expand, Gather, Pad, Reshape, Slice, Transpose } from "./movement.ts";
import type { OpRecord } from "./op.ts";
import { Relu } from "./relu.ts";

export const ops = {
  Add,
  Sub,
  Mul,
  Div,
  Min,
  Max,
  Relu,
  MatMul,
  ReduceSum,
  Conv,
  ConvTranspose,
  Reshape,
  Transpose,
  Concat,
  Slice,
  Pad,
  Expand,
  Gather,
} as unknown as { readonly [K in OpName]: OpRecord<K> };

/** The record of an op whose name is only known to be one. */
export const recordOf = <K extends OpName>(op: K): OpRecord<K> => ops[op] as OpRecord<K>;

/** A builder over the op table. */
export const builder = (): Builder =>
  makeBuilder((op, inputs, attrs) => {
    const record = recordOf(op);
    if (record.arity !== "any" && inputs.length !== record.arity)
      throw new ShapeError(`takes ${record.arity} inputs, got ${inputs.length}`);
    return record.infer(inputs, attrs as never);
  });
