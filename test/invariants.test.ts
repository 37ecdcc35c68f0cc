/**
 * @file Relations between bounds that must hold on every network, on random ones: orders, identities, and equality
 * with bounds computed a second time without graphs. Real arithmetic in float64.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import type { Norm, Threat } from "../src/spec/types.ts";
import { BOX, type MarginsOf, METHOD_NAMES, type Method, realMargins, runtime } from "./support/margins.ts";
import {
  addDeadUnits,
  moveInputs,
  permuteClasses,
  permuteHidden,
  scaleHidden,
  splitAffine,
} from "./support/metamorphic.ts";
import { PATIENT } from "./support/patience.ts";
import {
  type Box,
  backwardMargins,
  dualMargins,
  exactMinima,
  forward,
  intervalBoxes,
  intervalMargins,
  marginNet,
  type Plain,
  SLOPES,
  zonotopeMargins,
} from "./support/plain.ts";
import {
  batchOf,
  boxAround,
  type Case,
  CLASSES,
  graphOf,
  pointIn,
  randomCases,
  randomPlain,
  randomSizes,
} from "./support/random-nets.ts";

/** All of them in continuous integration (CI=1); fewer where a person waits. */
const NETS = PATIENT ? 200 : 20;
const CASES = 4;
const ROWS = 2;

/** Float64 sums of a few dozen terms, relative to the margin's scale. */
const TOLERANCE = 1e-9;

/** Cutting a box into simplices is exponential in its dimensions. */
const ENUMERABLE_INPUTS = 3;

interface Instance {
  readonly seed: number;
  readonly net: Plain;
  readonly cases: readonly Case[];
  /** Compiled once for all tests. */
  readonly margins: Readonly<Record<Method, MarginsOf>>;
  /** [case][row] */
  readonly bounds: Readonly<Record<Method, Float64Array>>;
}

const instances: Instance[] = [];

beforeAll(async () => {
  for (let seed = 0; seed < NETS; seed++) {
    const net = randomPlain(seed, randomSizes(seed));
    const cases = randomCases(seed, net, CASES);
    const graph = graphOf(net);
    const margins: Partial<Record<Method, MarginsOf>> = {};
    const bounds: Partial<Record<Method, Float64Array>> = {};
    for (const method of METHOD_NAMES) {
      margins[method] = await realMargins(graph, method);
      bounds[method] = await margins[method](batchOf(cases));
    }
    instances.push({ seed, net, cases, margins, bounds } as Instance);
  }
}, 300_000);

afterAll(() => runtime[Symbol.asyncDispose]());

/** Every case of every network with its margins. */
function eachCase(
  visit: (at: {
    instance: Instance;
    box: Box;
    margins: Plain;
    rows: (method: Method) => Float64Array;
    label: string;
  }) => void,
) {
  for (const instance of instances)
    instance.cases.forEach((one, i) => {
      visit({
        instance,
        box: boxAround(one),
        margins: marginNet(instance.net, one.label),
        rows: (method) => instance.bounds[method].subarray(i * ROWS, (i + 1) * ROWS),
        label: `network ${instance.seed}, case ${i}`,
      });
    });
}

const slack = (x: number, y: number): number => TOLERANCE * (1 + Math.abs(x) + Math.abs(y));

function expectEqual(ours: Float64Array, theirs: Float64Array, label: string): void {
  ours.forEach((x, r) => {
    if (!(Math.abs(x - theirs[r]!) <= slack(x, theirs[r]!))) expect.fail(`${label}, row ${r}: ${x} and ${theirs[r]}`);
  });
}

function expectBelow(lower: Float64Array, upper: Float64Array, label: string): void {
  lower.forEach((x, r) => {
    if (!(x <= upper[r]! + slack(x, upper[r]!))) expect.fail(`${label}, row ${r}: ${x} above ${upper[r]}`);
  });
}

describe(`on ${NETS} random networks`, () => {
  test("no bound exceeds the exact minimum, and that no sample (I1)", () => {
    let enumerated = 0;
    eachCase(({ instance, box, margins, rows, label }) => {
      const random = rng(instance.seed).split(label);
      const sampled = new Float64Array(ROWS).fill(Number.POSITIVE_INFINITY);
      for (let k = 0; k < 200; k++)
        forward(margins, pointIn(box, random)).forEach((margin, r) => {
          sampled[r] = Math.min(sampled[r]!, margin);
        });
      const enumerable = box.lower.length <= ENUMERABLE_INPUTS;
      const least = enumerable ? exactMinima(margins, box) : sampled;
      if (enumerable) enumerated++;
      expectBelow(least, sampled, `exact, ${label}`);
      for (const method of METHOD_NAMES) expectBelow(rows(method), least, `${method}, ${label}`);
    });
    expect(enumerated).toBeGreaterThan(NETS);
  });

  test("IBP is interval arithmetic with the last layer's rows subtracted first", () => {
    eachCase(({ box, margins, rows, label }) => {
      expectEqual(rows("ibp"), intervalMargins(margins, box), label);
    });
  });

  test("Fast-Lin is DeepZ and the dual network with slope u/(u − l) (I2, I2b)", () => {
    eachCase(({ box, margins, rows, label }) => {
      expectEqual(rows("fastLin"), zonotopeMargins(margins, box), label);
      expectEqual(rows("fastLin"), dualMargins(margins, box), label);
    });
  });

  test("CROWN is DeepPoly, neuron by neuron, and CROWN-IBP the same with interval boxes (I3)", () => {
    const options = {
      fastLin: { slope: SLOPES.parallel },
      crown: { slope: SLOPES.adaptive },
      crownZero: { slope: SLOPES.zero },
      crownIbp: { slope: SLOPES.adaptive, interval: true },
      crownIbpZero: { slope: SLOPES.zero, interval: true },
    } as const;
    eachCase(({ box, margins, rows, label }) => {
      for (const [method, option] of Object.entries(options))
        expectEqual(rows(method as Method), backwardMargins(margins, box, option), `${method}, ${label}`);
    });
  });

  test("IBP ≤ CROWN-IBP ≤ CROWN with lower slope 0 (I4)", () => {
    eachCase(({ rows, label }) => {
      expectBelow(rows("ibp"), rows("crownIbpZero"), label);
      expectBelow(rows("crownIbpZero"), rows("crownZero"), label);
    });
  });

  test("with one hidden layer CROWN-IBP is CROWN (I7)", () => {
    let count = 0;
    eachCase(({ instance, rows, label }) => {
      if (instance.net.length !== 2) return;
      count++;
      expectEqual(rows("crownIbp"), rows("crown"), label);
      expectEqual(rows("crownIbpZero"), rows("crownZero"), label);
    });
    expect(count).toBeGreaterThan(NETS / 4);
  });

  test("at radius 0 every bound is the margin (I8)", async () => {
    for (const { seed, net, cases, margins } of instances.slice(0, 40)) {
      const points = cases.map((one) => ({ ...one, radius: 0 }));
      const expected = Float64Array.from(
        points.flatMap(({ centre, label }) => [...forward(marginNet(net, label), centre)]),
      );
      for (const method of METHOD_NAMES)
        expectEqual(await margins[method](batchOf(points)), expected, `${method}, network ${seed}`);
    }
  });

  test("without unstable units every backward bound is exact (I8)", async () => {
    let stable = 0;
    for (const { seed, net, cases, margins } of instances) {
      if (net[0]!.w[0]!.length > ENUMERABLE_INPUTS) continue;
      const small = cases.map((one) => ({ ...one, radius: one.radius / 32 }));
      const boxes = small.map(boxAround);
      const decided = small.filter((_, i) =>
        intervalBoxes(net, boxes[i]!)
          .slice(0, -1)
          .every(({ lower, upper }) => lower.every((l, k) => l >= 0 || upper[k]! <= 0)),
      );
      if (decided.length === 0) continue;
      stable += decided.length;
      const exact = decided.flatMap((one) => [...exactMinima(marginNet(net, one.label), boxAround(one))]);
      for (const method of METHOD_NAMES) {
        if (method === "ibp") continue;
        const found = await margins[method](batchOf(decided));
        expectEqual(found, Float64Array.from(exact), `${method}, network ${seed}`);
      }
    }
    expect(stable).toBeGreaterThan(NETS / 2);
  });

  test("a larger box never has a larger bound by IBP or by CROWN with lower slope 0 (I9, I9b)", async () => {
    const random = rng(9);
    for (const { seed, cases, margins, bounds } of instances) {
      // a box inside the first, not around the same centre
      const inner = cases.map((one) => {
        const { lower, upper } = boxAround(one);
        const ends = lower.map((l, i) => l + 0.4 * random.uniform() * (upper[i]! - l));
        return { lower: ends, upper: ends.map((l, i) => l + random.uniform() * (upper[i]! - l)) };
      });
      for (const method of ["ibp", "crownZero", "crownIbpZero"] as const) {
        const found = await margins[method](batchOf(cases, inner));
        expectBelow(bounds[method], found, `${method}, network ${seed}`);
      }
    }
  });

  test("the largest of sound bounds is sound (I13)", () => {
    eachCase(({ box, margins, rows, label }) => {
      if (box.lower.length > ENUMERABLE_INPUTS) return;
      const best = rows("ibp").map((_, r) => Math.max(...METHOD_NAMES.map((method) => rows(method)[r]!)));
      expectBelow(best, exactMinima(margins, box), label);
    });
  });
});

describe("changes that leave the network as it is", () => {
  test("leave every bound: hidden units permuted, scaled and added, inputs moved, classes permuted (I18, I19)", async () => {
    for (const { seed, net, cases, bounds } of instances) {
      const random = rng(seed).split("metamorphic");
      const place = random.permutation(CLASSES);
      const hidden = addDeadUnits(scaleHidden(permuteHidden(net, random), random));
      const moved = moveInputs(permuteClasses(hidden, place), cases.map(boxAround), random);
      const relabelled = cases.map((one) => ({ ...one, label: place[one.label]! }));
      for (const method of ["ibp", "crownIbp", "fastLin", "crown"] as const) {
        const found = await (await realMargins(graphOf(moved.net), method))(batchOf(relabelled, moved.boxes));
        for (const [i, { label }] of cases.entries()) {
          const others = [0, 1, 2].filter((c) => c !== label);
          const rows = others.map((c) => [0, 1, 2].filter((d) => d !== place[label]!).indexOf(place[c]!));
          const back = Float64Array.from(rows, (row) => found[i * ROWS + row]!);
          expectEqual(back, bounds[method].subarray(i * ROWS, (i + 1) * ROWS), `${method}, network ${seed}, case ${i}`);
        }
      }
    }
  });

  test("leave backward bounds: affine layers split in three (I18)", async () => {
    for (const { seed, net, cases, bounds } of instances.slice(0, 60))
      for (const method of ["fastLin", "crown"] as const) {
        const found = await (await realMargins(splitAffine(graphOf(net)), method))(batchOf(cases));
        expectEqual(found, bounds[method], `${method}, network ${seed}`);
      }
  });

  test("a batch gives what its images give alone, in any order, in a session that is cached or not (I20)", async () => {
    await using fresh = createRuntime({ cacheBytes: 1 });
    for (const { seed, net, cases, bounds } of instances.slice(0, 30))
      for (const method of ["ibp", "crownIbp", "crown"] as const) {
        const alone = await realMargins(graphOf(net), method, BOX, fresh);
        const found = new Float64Array(bounds[method].length);
        for (const i of [2, 0, 3, 1]) found.set(await alone(batchOf([cases[i]!])), i * ROWS);
        expectEqual(found, bounds[method], `${method}, network ${seed}`);
      }
  });
});

describe("smaller sets", () => {
  test("IBP: a ball's bound in l1 is at least that in l2, and that in linf (I21)", async () => {
    let larger = 0;
    for (const { seed, net, cases } of instances) {
      const { box: _, ...batch } = batchOf(cases);
      const of = async (norm: Norm) => {
        const threat: Threat = { norm, epsilon: cases[0]!.radius, domain: undefined };
        return await (await realMargins(graphOf(net), "ibp", threat))(batch);
      };
      const [l1, l2, linf] = [await of("l1"), await of("l2"), await of("linf")];
      expectBelow(l2, l1, `l2 and l1, network ${seed}`);
      // the box of a linf ball is rounded outward to float32
      expectBelow(linf, l2, `linf and l2, network ${seed}`);
      if (l1.some((margin, k) => margin > linf[k]! + 1e-6)) larger++;
    }
    expect(larger).toBeGreaterThan(0.9 * NETS);
  });

  test("IBP: pixels clipped to [0, 1] never have a smaller bound (I22); CROWN's and Fast-Lin's sometimes do (N8)", async () => {
    const worse = { fastLin: 0, crown: 0 };
    for (const { seed, cases, margins, bounds } of instances) {
      const clipped = cases.map(boxAround).map(({ lower, upper }) => ({
        lower: lower.map((l) => Math.max(l, 0)),
        upper: upper.map((u) => Math.min(u, 1)),
      }));
      const of = async (method: Method) => await margins[method](batchOf(cases, clipped));
      expectBelow(bounds.ibp, await of("ibp"), `network ${seed}`);
      for (const method of ["fastLin", "crown"] as const)
        if ((await of(method)).some((margin, k) => margin < bounds[method][k]! - 1e-6)) worse[method]++;
    }
    for (const count of Object.values(worse)) {
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThan(NETS / 4);
    }
  });
});

describe("relations that hold often, but not always, are counted: a count of 0 is a method that fell back on another", () => {
  const BETTER = 1e-6;
  const countBetter = (better: Method, worse: Method): number => {
    const nets = new Set<number>();
    eachCase(({ instance, rows }) => {
      if (rows(better).some((x, r) => x > rows(worse)[r]! + BETTER)) nets.add(instance.seed);
    });
    return nets.size;
  };

  test.each([
    ["N1", "ibp", "fastLin"],
    ["N2", "fastLin", "ibp"],
    ["N3", "ibp", "crown"],
    ["N3", "crown", "ibp"],
    ["N4", "fastLin", "crown"],
    ["N4", "crown", "fastLin"],
    ["N5", "crownIbp", "crown"],
    ["N5", "crown", "crownIbp"],
    ["N6", "ibp", "crownIbp"],
    ["N6", "crownIbp", "ibp"],
  ] as const)("%s: %s is sometimes tighter than %s", (_, better, worse) => {
    const count = countBetter(better, worse);
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(NETS);
  });

  test("N11: CROWN's margin sometimes falls in a smaller ball", async () => {
    let falls = 0;
    for (const { cases, margins, bounds } of instances) {
      const smaller = cases.map((one) => ({ ...one, radius: 0.9 * one.radius }));
      const found = await margins.crown(batchOf(smaller));
      if (found.some((margin, k) => margin < bounds.crown[k]! - BETTER)) falls++;
    }
    expect(falls).toBeGreaterThan(0);
    expect(falls).toBeLessThan(NETS / 2);
  });
});
