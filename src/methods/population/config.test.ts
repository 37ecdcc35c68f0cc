import { expect, test } from "vitest";
import { type PopulationRecipe, parsePopulationRecipe, planMembers } from "./config.ts";

const TRAIN = { architecture: "FCNNa", data: "mnist:train", epochs: 1 };
const PATCH = { name: "patch", count: 12, poison: { kind: "patch", rate: 0.1 } };
const RECIPE = { name: "digits", train: TRAIN, seed: 100, clean: 3, backdoored: [PATCH] };

const parse = (change: object): PopulationRecipe => parsePopulationRecipe({ ...RECIPE, ...change });

test("members have consecutive seeds, and balanced targets take every class in turn", () => {
  const members = planMembers(parse({}), 10);
  expect(members.map(({ seed }) => seed)).toEqual(Array.from({ length: 15 }, (_, i) => 100 + i));
  expect(members.map(({ config }) => config.seed)).toEqual(members.map(({ seed }) => seed));
  expect(members.slice(0, 4).map(({ id }) => id)).toEqual(["clean-100", "clean-101", "clean-102", "patch-103"]);
  const targets = members.slice(3).map(({ target }) => target);
  expect(new Set(targets).size).toBe(10);
  expect(targets.slice(10)).toEqual(targets.slice(0, 2));
  expect(members.slice(3).map(({ config }) => config.poison!.target)).toEqual(targets);
  expect(members.slice(0, 3).every(({ config, target }) => config.poison === undefined && target === null)).toBe(true);
});

test("where targets begin depends on the seed", () => {
  const starts = [0, 1, 2, 3, 4, 5].map((seed) => planMembers(parse({ seed }), 10)[3]!.target);
  expect(new Set(starts).size).toBeGreaterThan(1);
});

test("a stated target holds for the group, by `targets` or by the poison", () => {
  const groups = [
    { ...PATCH, targets: 7 },
    { ...PATCH, name: "two", poison: { ...PATCH.poison, target: 4 } },
  ];
  const members = planMembers(parse({ backdoored: groups }), 10);
  expect(new Set(members.slice(3, 15).map(({ target }) => target))).toEqual(new Set([7]));
  expect(new Set(members.slice(15).map(({ target }) => target))).toEqual(new Set([4]));
});

test("all-to-all leads to no one class, and a source class is not its own target", () => {
  const all = { ...PATCH, poison: { ...PATCH.poison, mapping: "all-to-all" } };
  expect(planMembers(parse({ backdoored: [all] }), 10).every(({ target }) => target === null)).toBe(true);
  const source = { ...PATCH, poison: { ...PATCH.poison, source: 3 } };
  const targets = planMembers(parse({ backdoored: [source] }), 10)
    .slice(3)
    .map(({ target }) => target);
  expect(new Set(targets).size).toBe(9);
  expect(targets).not.toContain(3);
});

test("scans use the validation data and 400 inputs unless told otherwise", () => {
  expect(parse({}).scan).toEqual({ data: "mnist:test", images: 400, seed: 0 });
  expect(parse({ train: { ...TRAIN, validation: "other" } }).scan.data).toBe("other");
  expect(parse({ scan: { data: "more", seed: 3 } }).scan).toEqual({ data: "more", images: 400, seed: 3 });
});

test.for([
  [{ clean: 0 }, /clean: /],
  [{ cleen: 3 }, /options: unknown "cleen"; known are name,/],
  [{ train: { ...TRAIN, seed: 1 } }, /train\.seed: .*`seed` of the population/],
  [{ train: { ...TRAIN, poison: PATCH.poison } }, /train\.poison: .*`backdoored`/],
  [{ train: { ...TRAIN, epoch: 3 } }, /train: .*unknown "epoch"/],
  [{ train: { ...TRAIN, architecture: { onnx: "a.onnx" } } }, /train\.architecture: .*say { "like": FILE }/],
  [{ backdoored: [{ ...PATCH, poison: { kind: "pach", rate: 1 } }] }, /backdoored\.0\.poison\.kind/],
  [{ backdoored: [{ ...PATCH, poison: { kind: "patch", rat: 1 } }] }, /backdoored\.0\.poison/],
  [{ backdoored: [PATCH, PATCH] }, /two groups are called "patch"/],
  [{ backdoored: [{ ...PATCH, name: "clean" }] }, /two groups are called "clean"/],
  [{ backdoored: [{ ...PATCH, name: "../x" }] }, /backdoored\.0\.name/],
  [{ backdoored: [{ ...PATCH, targets: 1, poison: { ...PATCH.poison, target: 2 } }] }, /leave one of them out/],
] as const)("a wrong recipe is refused by its key: %j", ([change, line]) => {
  expect(() => parse(change)).toThrow(line);
  expect(() => parse(change)).toThrow(/^population recipe: [^\n]*$/);
});

test("a target beyond the classes is refused when the data is known", () => {
  expect(() => planMembers(parse({ backdoored: [{ ...PATCH, targets: 10 }] }), 10)).toThrow(/target 10 .* 10 classes/);
});
