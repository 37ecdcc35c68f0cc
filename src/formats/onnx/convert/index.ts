/** @file The table of ONNX ops that can be read. An op can be read when a family lists it. */

import { sums } from "./einsum.ts";
import { elementwise } from "./elementwise.ts";
import { indexed } from "./indices.ts";
import { linear } from "./linear.ts";
import { losses } from "./loss.ts";
import { movement } from "./movement.ts";
import { normalizations } from "./norm.ts";
import { quantizing } from "./quantize.ts";
import { reductions } from "./reduce.ts";
import { resizing } from "./resize.ts";
import { shapes } from "./shape.ts";
import { tables } from "./tables.ts";
import type { Converter } from "./types.ts";

/** A map, not an object: op names come from strangers, and "constructor" is one. */
export const converters: ReadonlyMap<string, Converter> = new Map(
  [
    elementwise,
    linear,
    movement,
    normalizations,
    quantizing,
    reductions,
    resizing,
    shapes,
    indexed,
    sums,
    losses,
    tables,
  ].flatMap((family) => Object.entries(family)),
);
