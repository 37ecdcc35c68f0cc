import { afterAll, describe, expect, test } from "vitest";
import { convNet, denseNet } from "../../../test/support/nets.ts";
import { PATIENT } from "../../../test/support/patience.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { type Rng, rng } from "../../random/rng.ts";
import { createRuntime } from "../../runtime/node.ts";
import { ballOf } from "../../spec/ball.ts";
import { excessOf } from "../../spec/queries.ts";
import { boxOfSet, isInside } from "../../spec/sets.ts";
import type { BallSet, Box, LinearSpec, Norm, Queries } from "../../spec/types.ts";
import { boundable } from "./boundable.ts";
import { crownBounder } from "./crown.ts";
import { crownIbpBounder } from "./crown-ibp.ts";
import { fastLinBounder } from "./fast-lin.ts";
import { ibpBounder } from "./ibp.ts";
import type { Bounder, Restrictions } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const COUNT = 3;
const OUTPUTS = 4;
const POINTS = 400;
const layer = { channels: 3, kernel: 3, stride: 1, pad: 1 };

/** Dense layers with a curve of one kind behind each. */
function curvedNet(op: "Tanh" | "Sigmoid" | "Gelu" | "Softplus"): Graph {
  const random = rng(9).split(op);
  const b = builder();
  const x = b.input("x", ["N", 4]);
  const weights = (rows: number, columns: number) =>
    b.constant({
      dtype: "float",
      shape: [rows, columns],
      data: Float32Array.from({ length: rows * columns }, () => random.normal()),
    });
  const bent = (value: Parameters<typeof b.emit>[1][number]) =>
    op === "Gelu" ? b.emit(op, [value], { approximate: "none" }) : b.emit(op, [value]);
  const hidden = bent(b.emit("MatMul", [bent(b.emit("MatMul", [x, weights(4, 6)])), weights(6, 5)]));
  return makeGraph([x], [{ name: "logits", value: b.emit("MatMul", [hidden, weights(5, OUTPUTS)]) }]);
}

const RELU_NETS: Readonly<Record<string, Graph>> = {
  dense: denseNet(5, [6, 8, 7, OUTPUTS]),
  "residual convolutions": convNet(7, [2, 4], [layer, layer], [OUTPUTS], true),
};
const NETS: Readonly<Record<string, Graph>> = {
  ...RELU_NETS,
  ...Object.fromEntries((["Tanh", "Sigmoid", "Gelu", "Softplus"] as const).map((op) => [op, curvedNet(op)])),
};
const BOUNDERS = { ibp: ibpBounder, "crown-ibp": crownIbpBounder, "fast-lin": fastLinBounder, crown: crownBounder };

const sizeOf = (graph: Graph): number =>
  (graph.inputs[0]!.shape.slice(1) as number[]).reduce((product, dim) => product * dim, 1);

/** Balls around random points, and five random rows in two disjuncts and one. */
function queriesOf(graph: Graph, norm: Norm, random: Rng): Queries {
  const size = sizeOf(graph);
  const centre = Float32Array.from({ length: COUNT * size }, () => random.uniform());
  const set: BallSet = { kind: "ball", norm, epsilon: norm === "linf" ? 0.2 : 0.6, domain: [0, 1], centre };
  const matrix = Float32Array.from({ length: COUNT * 5 * OUTPUTS }, () => Math.fround(random.normal()));
  const spec: LinearSpec = { outputs: OUTPUTS, size: 5, rows: { kind: "dense", matrix }, disjuncts: [2, 2, 1] };
  return { count: COUNT, sets: new Map([[graph.inputs[0]!.name, set]]), spec };
}

const setOf = (queries: Queries): BallSet => [...queries.sets.values()][0] as BallSet;

interface Sample {
  readonly point: Float32Array;
  /** C·y, [S] */
  readonly rows: readonly number[];
  /** Of every layer, as the runtime computes it. */
  readonly layers: readonly ArrayLike<number>[];
}

/** Points of each query's set with what the network computes of them in float32. */
async function samplesOf(graph: Graph, queries: Queries, random: Rng): Promise<Sample[][]> {
  const size = sizeOf(graph);
  const set = setOf(queries);
  const ball = ballOf(set);
  const net = boundable(graph, "float32");
  const outputs = [net.target, ...net.operands].map((value, k) => ({ name: `v${k}`, value }));
  const session = await runtime.compile(makeGraph(net.inputs, outputs), { float: "float32" });
  const all: Sample[][] = [];
  for (let i = 0; i < queries.count; i++) {
    const centre = Float32Array.from(set.centre.subarray(i * size, (i + 1) * size));
    const points = Array.from({ length: POINTS }, (_, k) =>
      k % 2
        ? ball.randomStart(centre, random)
        : ball.linearMaximum(
            centre,
            centre.map(() => random.normal()),
          ),
    );
    const data = new Float32Array(POINTS * size);
    for (const [k, point] of points.entries()) data.set(point, k * size);
    const input = graph.inputs[0]!;
    const found = await session.run({
      [input.name]: { dtype: "float", shape: [POINTS, ...(input.shape.slice(1) as number[])], data },
    });
    const of = (name: string, k: number) => {
      const values = found[name]!.data;
      return values.slice((k * values.length) / POINTS, ((k + 1) * values.length) / POINTS);
    };
    all.push(
      points.map((point, k) => ({
        point,
        rows: Array.from({ length: queries.spec.size }, (_, r) => excessOf(queries.spec, i, r, of("v0", k))),
        layers: net.operands.map((_, l) => of(`v${l + 1}`, k)),
      })),
    );
  }
  await session[Symbol.asyncDispose]();
  return all;
}

/** Does a sample of query i obey the restrictions? */
function obeys(
  { point, layers }: Sample,
  i: number,
  { splits = new Map(), inputs = new Map() }: Restrictions,
): boolean {
  const inBox = ({ lower, upper }: Box) =>
    point.every((value, k) => value >= lower[i * point.length + k]! && value <= upper[i * point.length + k]!);
  const signed = [...(splits as NonNullable<Restrictions["splits"]>)].every(([l, split]) =>
    Array.from(layers[l]!).every((value, k) => split[i * layers[l]!.length + k]! * value >= 0),
  );
  return signed && [...(inputs as NonNullable<Restrictions["inputs"]>).values()].every(inBox);
}

/** Checks the bounds of rows and boxes against all samples that obey. @returns how many did */
async function checkSound(
  bounder: Bounder,
  queries: Queries,
  samples: Sample[][],
  given: Restrictions,
): Promise<number> {
  const { lower, boxes } = await bounder.bounds(queries, given);
  let obeying = 0;
  for (const [i, own] of samples.entries())
    for (const sample of own.filter((one) => obeys(one, i, given))) {
      obeying++;
      for (const [r, value] of sample.rows.entries())
        expect(lower[i * queries.spec.size + r]!, `query ${i}, row ${r}`).toBeLessThanOrEqual(value);
      for (const [l, values] of sample.layers.entries())
        for (let k = 0; k < values.length; k++) {
          const at = i * values.length + k;
          if (!(boxes[l]!.lower[at]! <= values[k]! && values[k]! <= boxes[l]!.upper[at]!))
            expect.fail(
              `query ${i}, layer ${l}: ${values[k]} lies outside [${boxes[l]!.lower[at]}, ${boxes[l]!.upper[at]}]`,
            );
        }
    }
  return obeying;
}

/** Of each query the neuron of a layer with the widest box across 0, held at one sign. */
async function splitsOf(bounder: Bounder, queries: Queries, sign: 1 | -1): Promise<Map<number, Int8Array>> {
  const { boxes } = await bounder.bounds(queries, {});
  const { lower, upper } = boxes[1]!;
  const split = new Int8Array(lower.length);
  const per = lower.length / queries.count;
  for (let i = 0; i < queries.count; i++) {
    const reach = (at: number) => Math.min(-lower[at]!, upper[at]!);
    const places = Array.from({ length: per }, (_, k) => i * per + k);
    split[places.reduce((best, at) => (reach(at) > reach(best) ? at : best))] = sign;
  }
  return new Map([[1, split]]);
}

/** The halves of every query's box across its widest input. */
function halvesOf(queries: Queries, side: "low" | "high"): Map<string, Box> {
  const [[name, set]] = [...queries.sets] as [[string, BallSet]];
  const { lower, upper } = boxOfSet(set, queries.count);
  const part = { lower: lower.slice(), upper: upper.slice() };
  const per = lower.length / queries.count;
  for (let i = 0; i < queries.count; i++) {
    const widths = Array.from({ length: per }, (_, k) => upper[i * per + k]! - lower[i * per + k]!);
    const at = i * per + widths.indexOf(Math.max(...widths));
    const middle = Math.fround((lower[at]! + upper[at]!) / 2);
    if (side === "low") part.upper[at] = middle;
    else part.lower[at] = middle;
  }
  return new Map([[name, part]]);
}

describe.each(Object.entries(RELU_NETS))("two children, on a net of %s,", (name, graph) => {
  test.each(Object.entries(BOUNDERS))(
    "have sound bounds, together hold all of %s's points, and are no looser",
    async (id, make) => {
      // where a person waits, in one of them in turn
      const turn = (Object.keys(RELU_NETS).indexOf(name) + Object.keys(BOUNDERS).indexOf(id)) % 2;
      for (const norm of PATIENT ? (["linf", "l2"] as const) : [(["linf", "l2"] as const)[turn]!]) {
        const random = rng(21).split(`${name}/${id}/${norm}`);
        const queries = queriesOf(graph, norm, random);
        await using bounder = await make(graph, runtime, { norm });
        const samples = await samplesOf(graph, queries, random);
        const parent = await bounder.bounds(queries, {});
        expect(await checkSound(bounder, queries, samples, {})).toBe(COUNT * POINTS);
        const pairs: Record<string, Restrictions[]> = {
          relu: [{ splits: await splitsOf(bounder, queries, 1) }, { splits: await splitsOf(bounder, queries, -1) }],
          input: [{ inputs: halvesOf(queries, "low") }, { inputs: halvesOf(queries, "high") }],
        };
        for (const [kind, children] of Object.entries(pairs)) {
          const both = { held: 0, gained: 0 };
          for (const child of children) {
            both.held += await checkSound(bounder, queries, samples, child);
            const { lower } = await bounder.bounds(queries, child);
            // boxes are monotone in what they are made of; lines of CROWN are not, so there the better of both is a child's
            if (id === "ibp")
              for (const [k, bound] of lower.entries()) expect(bound).toBeGreaterThanOrEqual(parent.lower[k]! - 1e-5);
            both.gained += lower.filter((bound, k) => bound > parent.lower[k]!).length;
          }
          expect(both.held, `${kind} split, ${norm}: every point is in a child`).toBeGreaterThanOrEqual(COUNT * POINTS);
          expect(both.gained, `${kind} split, ${norm}: bounds that rise`).toBeGreaterThan(
            COUNT * queries.spec.size * 0.3,
          );
        }
      }
    },
  );
});

test("a sign that does not occur leaves nothing: every row holds", async () => {
  const graph = RELU_NETS["dense"]!;
  const queries = queriesOf(graph, "linf", rng(4));
  await using bounder = await crownBounder(graph, runtime, { norm: "linf" });
  const { boxes } = await bounder.bounds(queries, {});
  const positive = boxes[0]!.lower.findIndex((end) => end > 0);
  expect(positive).toBeGreaterThanOrEqual(0);
  const split = new Int8Array(boxes[0]!.lower.length);
  split[positive] = -1;
  const { lower } = await bounder.bounds(queries, { splits: new Map([[0, split]]) });
  const empty = Math.floor(positive / (split.length / COUNT));
  for (const [k, bound] of lower.entries())
    if (Math.floor(k / queries.spec.size) === empty) expect(bound).toBe(Number.POSITIVE_INFINITY);
    else expect(Number.isFinite(bound)).toBe(true);
});

describe.each(Object.entries(NETS))("slopes as inputs, on %s,", (name, graph) => {
  test("are sound whatever they are, and matter", async () => {
    const random = rng(31).split(name);
    const queries = queriesOf(graph, "linf", random);
    await using bounder = await crownBounder(graph, runtime, { norm: "linf", alpha: true });
    const samples = await samplesOf(graph, queries, random);
    const seen = new Set<number>();
    for (let trial = 0; trial < 4; trial++) {
      const draw = () => (trial === 0 ? 0 : trial === 1 ? 1 : 1.4 * random.uniform() - 0.2);
      const own = () =>
        new Map(
          bounder.relaxed.map((shape, k) => {
            const size = COUNT * shape.reduce((product, dim) => product * dim, 1);
            const values = () => Float32Array.from({ length: size }, draw);
            return [k, { lower: values(), upper: values() }] as const;
          }),
        );
      const alphas = new Map(
        Array.from({ length: bounder.layers.length + 1 }, (_, target) => [target, own()] as const),
      );
      await checkSound(bounder, queries, samples, { alphas });
      seen.add((await bounder.bounds(queries, { alphas })).lower[0]!);
    }
    expect(seen.size).toBe(4);
  });
});

describe.each(["linf", "l2", "l1"] as const)("candidates in %s", (norm) => {
  test.each(Object.entries(RELU_NETS))(
    "lie in the set, on a net of %s, and in the part that is asked for",
    async (name, graph) => {
      const random = rng(41).split(`${name}/${norm}`);
      const queries = queriesOf(graph, norm, random);
      await using bounder = await crownBounder(graph, runtime, { norm, candidates: true });
      const [[input, set]] = [...queries.sets] as [[string, BallSet]];
      const half = halvesOf(queries, "high");
      for (const given of [{}, { inputs: half }] as const) {
        const part = "inputs" in given ? { ...set, within: half.get(input)! } : set;
        const { candidates, lower } = await bounder.bounds(queries, given);
        const points = candidates!.get(input)!;
        const size = sizeOf(graph);
        expect(points).toHaveLength(COUNT * queries.spec.size * size);
        for (let k = 0; k < COUNT * queries.spec.size; k++) {
          const point = points.subarray(k * size, (k + 1) * size);
          expect(isInside(part, COUNT, Math.floor(k / queries.spec.size), { point })).toBe(true);
        }
        expect(lower.every(Number.isFinite)).toBe(true);
      }
    },
  );
  test("attain the bound of a linear network", async () => {
    const graph = denseNet(3, [5, OUTPUTS]);
    const queries = queriesOf(graph, norm, rng(2));
    await using bounder = await crownBounder(graph, runtime, { norm, candidates: true });
    const { candidates, lower } = await bounder.bounds(queries);
    const points = [...candidates!.values()][0]!;
    const session = await runtime.compile(graph, { float: "float32" });
    const shape = [points.length / 5, 5];
    const y = (await session.run({ [graph.inputs[0]!.name]: { dtype: "float", shape, data: points } }))[
      graph.outputs[0]!.name
    ]!.data;
    for (const [k, bound] of lower.entries()) {
      const own = y.slice(k * OUTPUTS, (k + 1) * OUTPUTS);
      const value = excessOf(queries.spec, Math.floor(k / queries.spec.size), k % queries.spec.size, own);
      expect(bound).toBeLessThanOrEqual(value);
      // the bound over a ball and the pixels' range at once is that of one of them
      if (norm === "linf") expect(value - bound).toBeLessThan(1e-4);
    }
  });
});

test("several inputs and outputs are bounded together", async () => {
  const b = builder();
  const [p, q] = [b.input("p", ["N", 2]), b.input("q", ["N", 1])];
  const w = b.constant({ dtype: "float", shape: [2, 1], data: Float32Array.of(1, -2) });
  const sum = b.emit("Add", [b.emit("MatMul", [p, w]), q]);
  const graph = makeGraph(
    [p, q],
    [
      { name: "r", value: b.emit("Relu", [sum]) },
      { name: "s", value: sum },
    ],
  );
  // p in [0, 1]², q in [1, 2]: s = p₀ − 2·p₁ + q in [−1, 3]; r = max(s, 0); r − s in [0, 1]
  const queries: Queries = {
    count: 1,
    sets: new Map([
      ["p", { kind: "box", lower: new Float32Array(2), upper: Float32Array.of(1, 1) }],
      ["q", { kind: "box", lower: Float32Array.of(1), upper: Float32Array.of(2) }],
    ]),
    spec: { outputs: 2, size: 3, rows: { kind: "dense", matrix: Float32Array.of(1, 0, 0, 1, -1, 1) } },
  };
  for (const make of Object.values(BOUNDERS)) {
    await using bounder = await make(graph, runtime, { norm: "linf" });
    const [r, s, difference] = (await bounder.bounds(queries)).lower;
    expect(s).toBeCloseTo(-1, 4);
    for (const [bound, least] of [
      [r, 0],
      [difference, -1],
    ] as const)
      expect(bound!).toBeLessThanOrEqual(least + 1e-6);
    expect(r!).toBeGreaterThan(-1.01);
    expect(difference!).toBeGreaterThan(-4.01);
  }
});
