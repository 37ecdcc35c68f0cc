/** @file The one idea: a network is a graph, and a gradient or a bound of it is a graph again. */

import { builder, gradient, interval, makeGraph, printGraph, simplify } from "assay";

const b = builder();
const x = b.input("x", ["N", 2]);
const hidden = b.emit("Relu", [
  b.emit("MatMul", [x, b.constant({ dtype: "float", shape: [2, 2], data: Float32Array.of(1, -1, 2, 1) })]),
]);
const score = b.emit("ReduceSum", [hidden], { axes: [1], keepdims: false });
const show = (name: string, value: typeof score) =>
  console.log(printGraph(simplify(makeGraph([x], [{ name, value }]))));

show("score", score);

const [slope] = gradient(b, score, [x]);
show("slope", slope! as typeof score);

const box = { lower: b.input("low", ["N", 2]), upper: b.input("high", ["N", 2]) };
const bounds = interval(b, [slope!], new Map([[x, box]]), { arithmetic: "real" }).get(slope!)!;
console.log(
  printGraph(
    simplify(
      makeGraph(
        [box.lower, box.upper],
        [
          { name: "least slope", value: bounds.lower },
          { name: "most slope", value: bounds.upper },
        ],
      ),
    ),
  ),
);
