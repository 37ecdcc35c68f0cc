/** @file The table of ops. An op exists when it is listed here. */

import { type Infer, makeBuilder } from "../graph/builder.ts";
import { checkGraph } from "../graph/check.ts";
import { ShapeError } from "../graph/dims.ts";
import type { OpName } from "../graph/signatures.ts";
import type { Builder, Graph } from "../graph/types.ts";
import { Clip, HardSwish, LeakyRelu, PRelu } from "./activation.ts";
import { Atan, Elu, Erf, Gelu, Sigmoid, Softplus, Softsign, Tanh } from "./activation-smooth.ts";
import { Add, Div, Max, Min, Mul, Sub } from "./arithmetic.ts";
import { Conv, ConvTranspose } from "./conv.ts";
import { Abs, Cast, Ceil, Exp, Floor, Log, Neg, Reciprocal, Round, Sign, Sqrt, Step } from "./elementary.ts";
import { Pow } from "./elementary-pow.ts";
import { Asin, Cos, Sin } from "./elementary-trig.ts";
import { MatMul, ReduceSum } from "./linear.ts";
import { And, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Not, Or, Where } from "./logic.ts";
import { Concat, Expand, Gather, Pad, Reshape, Slice, Transpose } from "./movement.ts";
import type { OpRecord } from "./op.ts";
import { ArgMax, MaxPool, ReduceMax, Unfold } from "./pool.ts";
import { Relu } from "./relu.ts";
import { LogSoftmax, Softmax } from "./softmax.ts";

export const ops: { readonly [K in OpName]: OpRecord<K> } = {
  Add,
  Sub,
  Mul,
  Div,
  Pow,
  Min,
  Max,
  Neg,
  Abs,
  Sign,
  Step,
  Sqrt,
  Exp,
  Log,
  Reciprocal,
  Sin,
  Cos,
  Asin,
  Atan,
  Floor,
  Ceil,
  Round,
  Relu,
  LeakyRelu,
  PRelu,
  Elu,
  HardSwish,
  Sigmoid,
  Tanh,
  Softplus,
  Softsign,
  Erf,
  Gelu,
  Clip,
  Softmax,
  LogSoftmax,
  Equal,
  Greater,
  Less,
  GreaterOrEqual,
  LessOrEqual,
  And,
  Or,
  Not,
  Where,
  Cast,
  MatMul,
  Conv,
  ConvTranspose,
  ReduceSum,
  Unfold,
  MaxPool,
  ReduceMax,
  ArgMax,
  Reshape,
  Transpose,
  Concat,
  Slice,
  Pad,
  Expand,
  Gather,
};

/** The record of an op whose name is only known to be one. */
export const recordOf = <K extends OpName>(op: K): OpRecord<K> => ops[op] as OpRecord<K>;

/** The type of a node's result by its op's record. */
const infer: Infer = (op, inputs, attrs) => {
  const record = recordOf(op);
  if (record.arity !== "any" && inputs.length !== record.arity)
    throw new ShapeError(`takes ${record.arity} inputs, got ${inputs.length}`);
  return record.infer(inputs, attrs as never);
};

/** A builder over the op table. */
export const builder = (): Builder => makeBuilder(infer);

/** @throws GraphError naming the first value that is not well formed */
export const check = (graph: Graph): void => checkGraph(graph, infer);
