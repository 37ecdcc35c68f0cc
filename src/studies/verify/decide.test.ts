import { expect, test } from "vitest";
import { exportOnnx } from "../../formats/onnx/export.ts";
import { importOnnx } from "../../formats/onnx/import.ts";
import { parseVnnLib } from "../../formats/vnnlib/read.ts";
import { satisfies } from "../../formats/vnnlib/satisfies.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import { crown } from "../../methods/verify/crown.ts";
import { ibp } from "../../methods/verify/ibp.ts";
import { auditVerifiers } from "../../methods/verify/index.ts";
import type { Verifier } from "../../methods/verify/types.ts";
import { builder } from "../../ops/index.ts";
import { cpuRuntime } from "../../runtime/node.ts";
import { decide } from "./decide.ts";
import { pairOf } from "./pair.ts";
import { shareOf, turnsOf } from "./turns.ts";

/** y = (relu(x0 + x1), relu(x0 − x1)), exact at multiples of a small power of two. */
function absolute(): Uint8Array {
  const b = builder();
  const x = b.input("x", ["N", 2]);
  const w = b.constant(floatTensor([2, 2], [1, 1, 1, -1]));
  const y = b.emit("Relu", [b.emit("MatMul", [x, w])]);
  return exportOnnx(makeGraph([x], [{ name: "y", value: y }]));
}

/** y = 2·a − c, of two inputs. */
function ofTwo(): Uint8Array {
  const b = builder();
  const [a, c] = [b.input("a", ["N", 1]), b.input("c", ["N", 1])];
  const y = b.emit("Sub", [b.emit("Mul", [a, b.constant(2)]), c]);
  return exportOnnx(makeGraph([a, c], [{ name: "y", value: y }]));
}

async function decided(
  bytes: Uint8Array,
  text: string,
  seconds = Number.POSITIVE_INFINITY,
  attack = true,
  verifiers = auditVerifiers,
) {
  const runtime = cpuRuntime();
  const query = parseVnnLib(text, "q");
  const session = await runtime.openModel(bytes, { name: "model.onnx" });
  const pair = pairOf(query, importOnnx(bytes), session, "model.onnx", "hash");
  const decision = await decide(query, pair, runtime, {
    verifiers,
    attack,
    left: () => seconds,
    now: () => performance.now(),
  });
  return { query, ...decision };
}

const HEAD = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)";
const BOX = "(assert (<= -1 X_0))(assert (<= X_0 1))(assert (<= X_1 1))(assert (>= X_1 -1))";

test.each([
  // x0 + x1 reaches 2 in one corner alone, and no more
  ["(assert (>= Y_0 2))", "sat"],
  ["(assert (> Y_0 2))", "not sat"],
  ["(assert (>= Y_0 2.01))", "unsat"],
  ["(assert (<= Y_0 -0.01))", "unsat"],
  ["(assert (or (<= Y_0 -0.01) (and (>= Y_0 1) (<= Y_1 0))))", "sat"],
  // within the half-space x0 + x1 ≤ 0 the first output is 0
  ["(assert (<= (+ X_0 X_1) 0))(assert (>= Y_0 0.5))", "not sat"],
  ["(assert (<= (+ X_0 X_1) -1))(assert (>= Y_1 0.9))", "sat"],
  ["(assert (or (<= X_0 -0.75) (>= X_0 0.75)))(assert (>= (+ Y_0 Y_1) 2))", "sat"],
  ["(assert (or (<= X_0 -0.75) (>= X_0 0.75)))(assert (>= (+ Y_0 Y_1) 9))", "unsat"],
  ["(assert (< X_0 -1))(assert (>= Y_0 0))", "unsat"],
])("%s: %s", async (conditions, expected) => {
  const { query, verdict, assignment } = await decided(absolute(), `${HEAD}${BOX}${conditions}`);
  if (expected === "not sat") expect(verdict).not.toBe("sat");
  else expect(verdict).toBe(expected);
  if (verdict !== "sat") return;
  const { inputs, outputs } = assignment!;
  // the box is of numbers that float32 has: nothing is said by decimals
  expect(satisfies(query, [...inputs, ...outputs])).toBe(true);
  const [a, c] = inputs as unknown as [number, number];
  expect([...outputs]).toEqual([Math.max(0, Math.fround(a + c)), Math.max(0, Math.fround(a - c))]);
});

const TWO = `(vnnlib-version <2.1>)
(declare-network f (declare-input A float32 [1,1]) (declare-input C float32 [1,1]) (declare-output Y float32 [1,1]))
(assert (and (<= 0 A[0,0]) (<= A[0,0] 1) (<= -1 C[0,0]) (<= C[0,0] 1)))`;

test("several inputs: 2·a − c over [0, 1] × [−1, 1] reaches 3, and 3.5 never", async () => {
  expect(await decided(ofTwo(), `${TWO}(assert (>= Y[0,0] 3))`)).toMatchObject({
    verdict: "sat",
    assignment: { inputs: Float64Array.of(1, -1), outputs: Float64Array.of(3) },
  });
  expect(await decided(ofTwo(), `${TWO}(assert (>= Y[0,0] 3.5))`)).toMatchObject({ verdict: "unsat", cases: 1 });
});

test("a set that is a number without a float32: the number is printed, its rounding is what the network is given", async () => {
  const text = `${HEAD}(assert (= X_0 0.1))(assert (= X_1 0))(assert (>= Y_0 0))`;
  const { verdict, assignment } = await decided(absolute(), text);
  expect([verdict, assignment!.exact, assignment!.outputs[0]]).toEqual([
    "sat",
    [{ input: 0, value: "0.1" }],
    Math.fround(0.1),
  ]);
});

test("no time is timed-out; nothing to try is unknown; an empty set is said to be empty", async () => {
  const text = `${HEAD}${BOX}(assert (>= Y_0 2.01))`;
  expect(await decided(absolute(), text, 0)).toMatchObject({ verdict: "timed-out", proved: 0 });
  expect(await decided(absolute(), `${HEAD}${BOX}(assert (>= X_0 2))(assert (>= Y_0 0))`)).toMatchObject({
    verdict: "unsat",
    cases: 0,
    empty: 1,
    detail: "no input meets the conditions on inputs",
  });
});

/** Fails where it prepares, or where it bounds. */
const failing = (at: "prepare" | "bounds", message: string): Verifier => {
  const fail = async () => {
    throw new RangeError(message);
  };
  const made: Verifier = {
    ...ibp,
    id: `failing-${at}`,
    prepare: at === "prepare" ? fail : async () => ({ bounds: fail, [Symbol.asyncDispose]: async () => {} }),
  };
  return made;
};

test("a fault of one method is told, and the others are tried", async () => {
  const broken = [failing("prepare", "no memory"), failing("bounds", "a fault")];
  const proved = await decided(absolute(), `${HEAD}${BOX}(assert (>= Y_0 2.01))`, 60, false, [...broken, crown]);
  expect(proved).toMatchObject({ verdict: "unsat", method: "crown" });
  expect(proved.steps.map(({ what, failed }) => [what, failed])).toEqual([
    ["failing-prepare", "no memory"],
    ["failing-bounds", "a fault"],
    ["crown", undefined],
  ]);
  const open = await decided(absolute(), `${HEAD}${BOX}(assert (>= Y_0 2.01))`, 60, false, broken);
  expect(open).toMatchObject({
    verdict: "unknown",
    proved: 0,
    detail: "failing-prepare: no memory; failing-bounds: a fault",
  });
});

test("a complete method gets the time, of few inputs before others' turns; without one the order is as it is", () => {
  const of = (id: string, more: Partial<Verifier> = {}): Verifier => ({ ...failing("prepare", ""), id, ...more });
  const [cheap, standard, dear] = [of("cheap"), of("standard", { standard: true }), of("dear")];
  const complete = of("complete", { complete: true });
  const turns = (verifiers: readonly Verifier[], inputs: number) =>
    turnsOf(verifiers, inputs).map(({ verifier: { id }, share }) => `${id} ${share}`);
  const all = [cheap, standard, dear, complete];
  expect(turns(all, 5)).toEqual(["complete 1", "cheap 1", "standard 1", "dear 1"]);
  expect(turns(all, 784)).toEqual(["cheap 0.1", "standard 0.1", "dear 0.1", "complete 1"]);
  expect(turns([cheap, standard, dear], 5)).toEqual(["cheap 1", "standard 1", "dear 1"]);
});

test("a share of the time is of what is left at its start, and of no limit none", () => {
  let now = 0;
  const left = shareOf(() => 50 - now, 0.1);
  now = 3;
  expect(left()).toBeCloseTo(2, 9);
  expect(shareOf(() => Number.POSITIVE_INFINITY, 0.1)()).toBe(Number.POSITIVE_INFINITY);
});

test.each([
  [`(vnnlib-version <2.1>)(declare-network f (declare-input X float32 [2]) (declare-output Y float32 [1,2]))`, "[2]"],
  [
    `(vnnlib-version <2.1>)(declare-network f (declare-input X float64 [1,2]) (declare-output Y float32 [1,2]))`,
    "float64",
  ],
  [
    `(vnnlib-version <2.1>)(declare-network f (declare-input X real [1,1]) (declare-input Z real [1,1]) (declare-output Y real [1,2]))`,
    "declares 2 inputs, but model.onnx has 1",
  ],
  [
    `(vnnlib-version <2.1>)(declare-network f (declare-input X real [1,2]) (declare-hidden H real [1] "h") (declare-output Y real [1,2]))`,
    "hidden",
  ],
])("%s does not fit the network", async (declarations, expected) => {
  const name = declarations.includes("[2])") ? "X[0]" : "X[0,0]";
  await expect(decided(absolute(), `${declarations}(assert (<= ${name} 1))`)).rejects.toThrow(expected);
});
