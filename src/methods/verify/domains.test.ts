/** @file Functions of part of the line inside networks: nothing is proved of a set in which the file answers no number. */

import { afterAll, describe, expect, test } from "vitest";
import { randomTensor } from "../../../test/support/nets.ts";
import { inTurn, verifiers } from "../../../test/support/verifiers.ts";
import { exportOnnx } from "../../formats/onnx/export.ts";
import { float32Tensor, floatTensor } from "../../graph/tensor.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Builder, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { classification } from "../../spec/classification.ts";
import { boxOf } from "../../spec/sets.ts";
import type { Arithmetic, Threat } from "../../spec/types.ts";
import { verdictOf } from "../../spec/verdict.ts";
import { type Network, networkOf } from "../network.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const INPUTS = 4;
const CLASSES = 3;

type Inner = (b: Builder, z: Value) => Value;

/** Logits of a function of a random affine map of the input, with one class ahead by `lead`. */
function netWith(name: string, inner: Inner, seed: number, lead: number): Network {
  const b = builder();
  const r = rng(seed).split(name);
  const x = b.input("x", ["N", INPUTS]);
  const w = b.constant(randomTensor(r.split("w"), [INPUTS, INPUTS], 0.5));
  const z = b.emit("Add", [b.emit("MatMul", [x, w]), b.constant(randomTensor(r.split("b"), [INPUTS], 0.3))]);
  const v = b.constant(randomTensor(r.split("v"), [INPUTS, CLASSES], 0.2));
  const ahead = b.constant(floatTensor([CLASSES], [lead, 0, 0]));
  const logits = b.emit("Add", [b.emit("MatMul", [inner(b, z), v]), ahead]);
  return networkOf(makeGraph([x], [{ name: "logits", value: logits }]), `${name}/${seed}`);
}

const c = (b: Builder, value: number) => b.constant(value);
const clip: Inner = (b, z) => b.emit("Clip", [z], { min: -1, max: 1 });
const total: Inner = (b, z) => b.emit("ReduceSum", [z], { axes: [1], keepdims: true });
const mean: Inner = (b, z) => b.emit("Mul", [total(b, z), c(b, 1 / INPUTS)]);
const square: Inner = (b, z) => b.emit("Mul", [z, z]);
const centred: Inner = (b, z) => b.emit("Sub", [z, mean(b, z)]);
const root: Inner = (b, z) => b.emit("Sqrt", [z]);
const ln: Inner = (b, z) => b.emit("Log", [z]);

/** Leave their domain somewhere on the unit cube, and what follows may hide it. */
const partial: Readonly<Record<string, Inner>> = {
  "a root": root,
  "a clipped root": (b, z) => clip(b, root(b, z)),
  "the sign of a logarithm": (b, z) => b.emit("Sign", [ln(b, z)]),
  "a rounded, clipped logarithm": (b, z) => b.emit("Round", [clip(b, ln(b, z))]),
  "the softmax of a root": (b, z) => b.emit("Softmax", [root(b, z)], { axis: 1 }),
  "a clipped power": (b, z) => clip(b, b.emit("Pow", [z, c(b, 1.5)])),
  "the hyperbolic tangent of a reciprocal root": (b, z) => b.emit("Tanh", [b.emit("Pow", [z, c(b, -0.5)])]),
  "the sigmoid of a quotient": (b, z) => b.emit("Sigmoid", [b.emit("Div", [b.emit("Relu", [z]), b.emit("Relu", [z])])]),
  "∞ − ∞, clipped": (b, z) => {
    const large = b.emit("Exp", [b.emit("Mul", [z, c(b, 200)])]);
    return clip(b, b.emit("Sub", [large, b.emit("Mul", [large, c(b, 0.5)])]));
  },
  "the maximum of clipped roots, rounded": (b, z) =>
    b.emit("Add", [
      b.emit("Clip", [z], { min: 0, max: 1 }),
      b.emit("ReduceMax", [b.emit("Round", [clip(b, root(b, z))])], { axes: [1], keepdims: true }),
    ]),
};

/** Defined everywhere, by what feeds them: these must be bounded. */
const whole: Readonly<Record<string, Inner>> = {
  "the root of a ReLU": (b, z) => root(b, b.emit("Relu", [z])),
  "the root of an absolute value": (b, z) => root(b, b.emit("Abs", [z])),
  "the root of a scaled ReLU": (b, z) => root(b, b.emit("Mul", [b.emit("Relu", [z]), c(b, 0.3)])),
  "the root of a square": (b, z) => root(b, square(b, z)),
  "the root of an even power and a little": (b, z) => root(b, b.emit("Add", [b.emit("Pow", [z, c(b, 2)]), c(b, 1e-5)])),
  "a length": (b, z) => b.emit("Add", [b.emit("Mul", [z, c(b, 0.1)]), root(b, total(b, square(b, z)))]),
  "standardised values": (b, z) =>
    b.emit("Div", [centred(b, z), root(b, b.emit("Add", [mean(b, square(b, centred(b, z))), c(b, 1e-3)]))]),
  "the logarithm of a softmax": (b, z) => ln(b, b.emit("Softmax", [z], { axis: 1 })),
  "the logarithm of a sum of powers of e": (b, z) => b.emit("Sub", [z, ln(b, total(b, b.emit("Exp", [z])))]),
  "the logarithm of 1 more than a ReLU": (b, z) => ln(b, b.emit("Add", [b.emit("Relu", [z]), c(b, 1)])),
  "the logarithm of a sigmoid": (b, z) => ln(b, b.emit("Sigmoid", [z])),
  "a softmax written out": (b, z) => b.emit("Div", [b.emit("Exp", [z]), total(b, b.emit("Exp", [z]))]),
};

const SAMPLES = 400;
const IMAGES = 4;

/** The unit cube's points nearest to which the sets lie; the file's answers to points of each set. */
async function answersIn(network: Network, images: Float32Array, threat: Threat) {
  await using session = await runtime.openModel(exportOnnx(network.graph));
  const { lower, upper } = boxOf(images, threat);
  const r = rng(9).split(network.hash);
  const points = new Float32Array(IMAGES * SAMPLES * INPUTS);
  for (let i = 0; i < points.length; i++) {
    const at = Math.floor(i / (SAMPLES * INPUTS)) * INPUTS + (i % INPUTS);
    const t = r.uniform();
    points[i] =
      t < 0.25 ? lower[at]! : t > 0.75 ? upper[at]! : Math.fround(lower[at]! + (upper[at]! - lower[at]!) * r.uniform());
  }
  const { logits } = await session.run({ x: float32Tensor([IMAGES * SAMPLES, INPUTS], points) });
  return (image: number): "right" | "wrong" => {
    for (let k = image * SAMPLES; k < (image + 1) * SAMPLES; k++) {
      const [a, p, q] = logits!.data.slice(k * CLASSES, (k + 1) * CLASSES) as Float32Array;
      if (!(a! > p! && a! > q!)) return "wrong";
    }
    return "right";
  };
}

const images = (seed: number): Float32Array => {
  const data = new Float32Array(IMAGES * INPUTS);
  rng(seed).fillUniform(data, 0, 1);
  return data;
};

const methods = verifiers.flatMap((verifier) =>
  (["float32", "real"] as const).map((arithmetic: Arithmetic) => ({ verifier, arithmetic })),
);

/** What proving is called. */
const PROVED = { float32: "verified", real: "bounded" } as const;

async function verdicts(network: Network, data: Float32Array, threat: Threat, k: number) {
  const { verifier, arithmetic } = methods[k]!;
  await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm, arithmetic });
  const batch = { images: float32Tensor([IMAGES, INPUTS], data), labels: new Int32Array(IMAGES) };
  const queries = classification(network, batch, threat);
  const bounds = await prepared.bounds(queries);
  return Array.from({ length: IMAGES }, (_, i) => verdictOf(queries, bounds, i));
}

describe.each(Object.entries(partial))("%s", (name, inner) => {
  test("is never proved where a point of the set is answered by no number", async () => {
    const network = netWith(name, inner, 1, 3);
    const threat: Threat = { norm: "linf", epsilon: 0.4, domain: [0, 1] };
    const data = images(2);
    const answers = await answersIn(network, data, threat);
    const wrong = [0, 1, 2, 3].filter((i) => answers(i) === "wrong");
    expect(wrong.length).toBeGreaterThan(0);
    for (const k of methods.keys()) {
      if (!inTurn(Object.keys(partial).indexOf(name)).includes(methods[k]!.verifier)) continue;
      const found = await verdicts(network, data, threat, k);
      for (const i of wrong)
        expect(found[i], `${methods[k]!.verifier.id} ${methods[k]!.arithmetic}`).toMatchObject({
          kind: "unknown",
          reason: "numerical",
        });
    }
  });
});

describe.each(Object.entries(whole))("%s", (name, inner) => {
  test("is defined everywhere, and proved on small sets", async () => {
    const network = netWith(name, inner, 3, 8);
    const data = images(4);
    const threat: Threat = { norm: "linf", epsilon: 0.01, domain: [0, 1] };
    for (const k of methods.keys()) {
      if (!inTurn(Object.keys(whole).indexOf(name)).includes(methods[k]!.verifier)) continue;
      if (methods[k]!.verifier.id === "fast-lin" || (k + name.length) % 3 === 0) continue;
      const found = await verdicts(network, data, threat, k);
      expect(
        found.map(({ kind }) => kind),
        `${methods[k]!.verifier.id} ${methods[k]!.arithmetic}`,
      ).toEqual(Array(IMAGES).fill(PROVED[methods[k]!.arithmetic]));
    }
  });
});

test("in a Euclidean ball a root at the domain's edge is bounded, and one beyond it is not", async () => {
  const b = builder();
  const x = b.input("x", ["N", INPUTS]);
  const half = b.emit("Mul", [x, c(b, 0.5)]);
  const v = b.constant(randomTensor(rng(1), [INPUTS, CLASSES], 0.2));
  const logits = b.emit("Add", [b.emit("MatMul", [root(b, half), v]), b.constant(floatTensor([CLASSES], [8, 0, 0]))]);
  const network = networkOf(makeGraph([x], [{ name: "logits", value: logits }]), "edge");
  const data = new Float32Array(IMAGES * INPUTS).fill(0.05);
  for (const k of methods.keys()) {
    const inside = await verdicts(network, data, { norm: "l2", epsilon: 0.1, domain: [0, 1] }, k);
    const beyond = await verdicts(network, data, { norm: "l2", epsilon: 0.1, domain: undefined }, k);
    expect(
      inside.map(({ kind }) => kind),
      methods[k]!.verifier.id,
    ).toEqual(Array(IMAGES).fill(PROVED[methods[k]!.arithmetic]));
    expect(
      beyond.map(({ kind }) => kind),
      methods[k]!.verifier.id,
    ).toEqual(Array(IMAGES).fill("unknown"));
  }
});
