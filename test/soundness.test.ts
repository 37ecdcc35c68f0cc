/**
 * @file What a verifier certifies in default arithmetic, nothing falsifies: not an attack, not 10,000 samples with corners run
 * by the network in float32, not the exact minimum by enumeration of activation patterns.
 */

import { afterAll, describe, expect, test } from "vitest";
import { float32Tensor } from "../src/graph/tensor.ts";
import type { Graph } from "../src/graph/types.ts";
import { standardAttack } from "../src/methods/attack/index.ts";
import { networkOf } from "../src/methods/network.ts";
import type { Verifier } from "../src/methods/verify/types.ts";
import { type Rng, rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { ballOf } from "../src/spec/ball.ts";
import { type Batch, classification } from "../src/spec/classification.ts";
import { boxOf } from "../src/spec/sets.ts";
import type { Norm, Threat } from "../src/spec/types.ts";
import { verdictOf } from "../src/spec/verdict.ts";
import { PATIENT } from "./support/patience.ts";
import { exactMinima, marginNet, type Plain } from "./support/plain.ts";
import { graphOf, randomCases, randomPlain, randomSizes } from "./support/random-nets.ts";
import { VARIANTS } from "./support/variants.ts";
import { inTurn } from "./support/verifiers.ts";

/** All of them in continuous integration (CI=1); fewer where a person waits. */
const NETS = PATIENT ? 200 : 10;
const IMAGES = 4;
/** Of each network. */
const SAMPLES = 10_000;

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

/** The verdicts of every verifier: [image] → the names of those that certify it. */
async function certifiers(
  graph: Graph,
  batch: Batch,
  threat: Threat,
  verifiers: readonly Verifier[],
): Promise<string[][]> {
  const network = networkOf(graph, "random");
  const names = Array.from(batch.labels, (): string[] => []);
  for (const verifier of verifiers) {
    await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm });
    const queries = classification(network, batch, threat);
    const bounds = await prepared.bounds(queries);
    for (const [i, list] of names.entries())
      if (verdictOf(queries, bounds, i).kind === "verified") list.push(verifier.id);
  }
  return names;
}

/** Points of S(image i): corners and faces of the box where the set is one, random points of the ball otherwise. */
function samples(threat: Threat, centre: Float32Array, random: Rng, count: number): Float32Array {
  const points = new Float32Array(count * centre.length);
  const ball = ballOf(threat);
  const box = boxOf(centre, threat);
  for (let k = 0; k < count; k++) {
    const corner = threat.norm === "linf" && k % 2 === 0;
    const point = corner
      ? centre.map((_, i) => (random.int(2) === 0 ? box.lower : box.upper)[i]!)
      : ball.randomStart(centre, random);
    points.set(point, k * centre.length);
  }
  return points;
}

/** The least margin of the network as it runs, over points of the set. */
async function sampledMargin(graph: Graph, points: Float32Array, label: number, classes: number): Promise<number> {
  const session = await runtime.compile(graph, { float: "float32" });
  const sample = graph.inputs[0]!.shape.slice(1) as number[];
  const count = points.length / sample.reduce((p, q) => p * q, 1);
  const { logits } = await session.run({ x: float32Tensor([count, ...sample], points) });
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < count; k++)
    for (let j = 0; j < classes; j++)
      if (j !== label) least = Math.min(least, logits!.data[k * classes + label]! - logits!.data[k * classes + j]!);
  return least;
}

/** Which images the standard attack fools. */
async function attacked(graph: Graph, batch: Batch, threat: Threat): Promise<boolean[]> {
  await using attack = await standardAttack.prepare(networkOf(graph, "random"), runtime, {
    threat,
    seed: 1,
    steps: 20,
    restarts: 2,
  });
  const attempts = await attack.attack({ ...batch, indices: Int32Array.from(batch.labels, (_, i) => i) });
  return attempts.map(({ success }) => success);
}

function batchOf(net: Plain, seed: number): Batch {
  const cases = randomCases(seed, net, IMAGES);
  return {
    images: float32Tensor(
      [IMAGES, cases[0]!.centre.length],
      Float32Array.from(cases.flatMap(({ centre }) => [...centre])),
    ),
    labels: Int32Array.from(cases, ({ label }) => label),
  };
}

const imageOf = ({ images, labels }: Batch, i: number): Float32Array => {
  const size = images.data.length / labels.length;
  return Float32Array.from(images.data.subarray(i * size, (i + 1) * size));
};

describe(`on ${NETS} random networks, with linf, l2 and l1 balls in turn`, () => {
  test("no certified input is falsified by an attack, by samples or by enumeration", async () => {
    const found = { certified: 0, attacked: 0, enumerated: 0 };
    for (let seed = 0; seed < NETS; seed++) {
      const net = randomPlain(seed, randomSizes(seed));
      const graph = graphOf(net);
      const norm = (["linf", "linf", "l2", "l1"] as const satisfies Norm[])[Math.floor(seed / 2) % 4]!;
      const threat: Threat = { norm, epsilon: 10 ** (-2 + 1.6 * rng(seed).uniform()), domain: [0, 1] };
      const batch = batchOf(net, seed);
      const certified = await certifiers(graph, batch, threat, inTurn(seed));
      const fooled = await attacked(graph, batch, threat);
      for (const [i, names] of certified.entries()) {
        const place = `network ${seed}, image ${i}, certified by ${names}`;
        if (fooled[i]) found.attacked++;
        if (names.length === 0) continue;
        found.certified++;
        expect(fooled[i], place).toBe(false);
        const centre = imageOf(batch, i);
        const points = samples(threat, centre, rng(seed).split(`samples/${i}`), SAMPLES / IMAGES);
        expect(await sampledMargin(graph, points, batch.labels[i]!, 3), place).toBeGreaterThan(0);
        if (norm !== "linf" || centre.length > 3) continue;
        found.enumerated++;
        const { lower, upper } = boxOf(centre, threat);
        const box = { lower: Float64Array.from(lower), upper: Float64Array.from(upper) };
        expect(Math.min(...exactMinima(marginNet(net, batch.labels[i]!), box)), place).toBeGreaterThan(0);
      }
    }
    expect(found.certified).toBeGreaterThan(NETS);
    expect(found.attacked).toBeGreaterThan(NETS / 4);
    expect(found.enumerated).toBeGreaterThan(NETS / 4);
  }, 300_000);
});

describe("on convolutional networks of every kind", () => {
  test.each(Object.entries(VARIANTS))(
    "%s: no certified input is falsified by an attack or by samples",
    async (name, graph) => {
      const random = rng(5).split(name);
      const sample = graph.inputs[0]!.shape.slice(1) as number[];
      const size = sample.reduce((p, q) => p * q, 1);
      const images = float32Tensor(
        [IMAGES, ...sample],
        Float32Array.from({ length: IMAGES * size }, () => random.uniform()),
      );
      const session = await runtime.compile(graph, { float: "float32" });
      const { logits } = await session.run({ x: images });
      const labels = Int32Array.from({ length: IMAGES }, (_, i) => {
        const row = [...logits!.data.slice(i * 3, (i + 1) * 3)];
        return row.indexOf(Math.max(...row));
      });
      const batch = { images, labels };
      let certified = 0;
      const other = random.int(2) === 0 ? (["l2", 0.05] as const) : (["l1", 0.2] as const);
      const turn = Object.keys(VARIANTS).indexOf(name);
      for (const [k, [norm, epsilon]] of ([["linf", 0.004], other] as const).entries()) {
        if (!PATIENT && k > 0 && turn % 3 > 0) continue;
        const threat: Threat = { norm, epsilon, domain: [0, 1] };
        const names = await certifiers(graph, batch, threat, inTurn(turn));
        const fooled = await attacked(graph, batch, threat);
        for (const [i, own] of names.entries()) {
          if (own.length === 0) continue;
          certified++;
          expect(fooled[i], `${norm} ${epsilon}, image ${i}: ${own}`).toBe(false);
          const points = samples(threat, imageOf(batch, i), random, 500);
          expect(await sampledMargin(graph, points, labels[i]!, 3), `${norm} ${epsilon}, image ${i}`).toBeGreaterThan(
            0,
          );
        }
      }
      expect(certified).toBeGreaterThan(0);
    },
  );
});
