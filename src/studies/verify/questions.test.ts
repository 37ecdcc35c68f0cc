import { expect, test } from "vitest";
import { parseVnnLib } from "../../formats/vnnlib/read.ts";
import { satisfies } from "../../formats/vnnlib/satisfies.ts";
import { rng } from "../../random/rng.ts";
import { checkWitnesses } from "../../spec/witness.ts";
import { questionsOf } from "./questions.ts";

const HEAD = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real)\n(declare-const Y_1 Real)\n";
const BOX = "(assert (<= -2 X_0))(assert (<= X_0 2))(assert (<= X_1 2))(assert (>= X_1 -2))";

const asked = (text: string) => {
  const query = parseVnnLib(`${HEAD}${text}`, "q");
  const [x, y] = query.networks[0]!.variables;
  return { query, ...questionsOf(query, [{ name: "in", variable: x! }], [y!]) };
};

test("bounds are kept as float64, and where witnesses are looked for as the float32 within them", () => {
  const { questions } = asked(
    "(assert (<= X_0 0.679857769))(assert (>= X_0 0.1))(assert (> X_1 0.5))(assert (< X_1 1e0))(assert (<= Y_0 Y_1))",
  );
  const [{ queries, inner }] = questions as [(typeof questions)[0]];
  expect(queries.sets.get("in")).toEqual({
    kind: "box",
    lower: Float64Array.of(0.1, 0.5),
    upper: Float64Array.of(0.679857769, 1),
  });
  // the float32 nearest to 0.1 lies above it, that nearest to 0.679857769 as well: the one before is taken
  expect([...inner[0]!.lower]).toEqual([Math.fround(0.1), 0.5 + 2 ** -24]);
  expect([...inner[0]!.upper]).toEqual([0.6798577308654785, 1 - 2 ** -24]);
  expect(queries.spec).toMatchObject({ size: 1, outputs: 2, disjuncts: [1], thresholds: Float64Array.of(0) });
  expect(queries.spec.rows).toEqual({ kind: "dense", matrix: Float32Array.of(1, -1) });
});

test("where an interval has no float32 the network is given its number rounded, and the number counts", () => {
  const { questions } = asked("(assert (= X_0 0.1))(assert (= X_1 -0.3))(assert (<= Y_0 1))");
  const [{ inner }] = questions as [(typeof questions)[0]];
  expect(inner[0]!.pinned).toEqual(
    new Map([
      [0, { n: 1n, e: -1 }],
      [1, { n: -3n, e: -1 }],
    ]),
  );
  expect([...inner[0]!.lower]).toEqual([Math.fround(0.1), Math.fround(-0.3)]);
});

test("boxes that no input meets are left away, strict ones too, and counted", () => {
  const { questions, empty } = asked(
    `${BOX}(assert (or (and (<= X_0 -3) (<= Y_0 0)) (and (< X_0 -2) (<= Y_0 1)) (and (<= X_0 -2) (<= Y_0 2))))`,
  );
  expect([questions.length, questions[0]!.queries.count, empty]).toEqual([1, 1, 2]);
});

test("several boxes are several queries of one shape; disjunctions of outputs stay one query", () => {
  const { questions } = asked(
    `${BOX}(assert (or (<= X_0 0) (>= X_0 1)))(assert (or (and (<= Y_0 1) (<= Y_1 1)) (>= Y_0 7)))`,
  );
  expect(questions.map(({ queries }) => [queries.count, queries.spec.disjuncts])).toEqual([[2, [2, 1]]]);
});

test("rows are whole numbers, and thresholds rounded so that unsafe stays unsafe", () => {
  const { questions } = asked(`${BOX}(assert (<= (+ (* 0.1 Y_0) (* -0.3 Y_1)) 0.3))`);
  const { spec } = questions[0]!.queries;
  expect(spec.rows).toEqual({ kind: "dense", matrix: Float32Array.of(1, -3) });
  expect(spec.thresholds![0]).toBe(3);
});

test.each([
  ["(assert (<= X_0 1))(assert (<= Y_0 1))", "q:5:1: X_0 has no lower bound in every case; add (assert (>= X_0 …))"],
  [`${BOX}(assert (<= X_0 Y_0))`, "compares inputs with outputs"],
  [`${BOX}(assert (<= (* 0.123456789 Y_0) Y_1))`, "coefficients of more digits than float32 holds"],
])("%s is refused: %s", (text, expected) => {
  expect(() => asked(text)).toThrow(expected);
});

/** A condition without strict comparisons, of inputs alone or of outputs alone at each comparison. */
function randomCondition(random: () => number, depth: number): string {
  const pick = (n: number) => Math.floor(random() * n);
  if (depth > 0 && random() < 0.7) {
    const parts = Array.from({ length: 1 + pick(3) }, () => randomCondition(random, depth - 1));
    return `(${random() < 0.5 ? "and" : "or"} ${parts.join(" ")})`;
  }
  const letter = random() < 0.5 ? "X" : "Y";
  const coefficient = () => ["1", "-1", "2", "0.5", "-3"][pick(5)]!;
  const term = (k: number) => `(* ${coefficient()} ${letter}_${k})`;
  const sum = random() < 0.5 ? term(pick(2)) : `(+ ${term(0)} ${term(1)})`;
  return `(${["<=", ">=", "=="][pick(3)]} ${sum} ${pick(5) - 2})`;
}

test("random conditions come to queries that mean the same, at all points of a grid", async () => {
  const random = rng(7);
  const grid = [-2, -1, -0.5, 0, 1, 2];
  let met = 0;
  for (let n = 0; n < 60; n++) {
    const text = randomCondition(() => random.uniform(), 3);
    const { query, questions } = asked(`${BOX}(assert ${text})`);
    const points = grid.flatMap((a) => grid.map((b) => [a, b] as const));
    for (const y of [
      [0, 0],
      [-2, 1],
      [1, 2],
    ]) {
      const held = points.map(() => false);
      for (const { queries } of questions) {
        for (let query = 0; query < queries.count; query++) {
          const claims = points.map((x) => ({ query, inputs: new Map([["in", { point: Float32Array.from(x) }]]) }));
          const checks = await checkWitnesses(queries, claims, async () => points.flatMap(() => y));
          for (const [k, { holds }] of checks.entries()) held[k] ||= holds;
        }
      }
      const expected = points.map((x) => satisfies(query, [...x, ...y]));
      if (JSON.stringify(held) !== JSON.stringify(expected)) expect.fail(`${text} with outputs ${y}`);
      met += expected.filter(Boolean).length;
    }
  }
  expect(met).toBeGreaterThan(500);
});
