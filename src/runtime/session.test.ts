import { expect, test } from "vitest";
import type { Tensor } from "../graph/types.ts";
import { checkFeeds, type Feeds, type Port, RunError } from "./session.ts";

const ports: readonly Port[] = [
  { name: "x", dtype: "float", shape: ["N", 2] },
  { name: "rows", dtype: "float", shape: ["3N"] },
  { name: "label", dtype: "int", shape: ["N"] },
  { name: "mask", dtype: "bool", shape: [] },
];

const floats = (shape: number[], fill = 0): Tensor => ({
  dtype: "float",
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(fill),
});

const good = {
  x: floats([4, 2]),
  rows: floats([12]),
  label: { dtype: "int", shape: [4], data: new Int32Array(4) },
  mask: { dtype: "bool", shape: [], data: new Uint8Array(1) },
} satisfies Feeds;

const problem = (feeds: Feeds): string => {
  try {
    checkFeeds(ports, feeds, "net");
    return "none";
  } catch (error) {
    expect(error).toBeInstanceOf(RunError);
    return (error as Error).message;
  }
};

test("feeds of the right names, types and shapes pass, with infinities", () => {
  expect(problem(good)).toBe("none");
  expect(problem({ ...good, x: floats([4, 2], -Infinity) })).toBe("none");
  expect(checkFeeds(ports, good, "net")).toBe(4);
  expect(checkFeeds([ports[3]!], { mask: good.mask }, "net")).toBe(1);
});

test.for([
  ["a missing input", { rows: good.rows }, 'net: input "x" [N,2] is missing'],
  [
    "an unknown input",
    { ...good, y: floats([1]) },
    'net: there is no input "y"; the inputs are "x", "rows", "label", "mask"',
  ],
  ["a wrong rank", { ...good, x: floats([4, 2, 1]) }, 'net: input "x" takes shape [N,2], got [4,2,1]'],
  ["a wrong size", { ...good, x: floats([4, 3]) }, 'net: input "x" takes shape [N,2], got [4,3]'],
  ["an empty batch", { ...good, x: floats([0, 2]) }, 'net: input "x" takes shape [N,2], got [0,2]'],
  ["no whole batch", { ...good, rows: floats([13]) }, 'net: input "rows" takes shape [3N], got [13]'],
  ["a wrong type", { ...good, label: floats([4]) }, 'net: input "label" takes int values, got float'],
] as const)("%s is refused by name", ([, feeds, message]) => {
  expect(problem(feeds)).toBe(message);
});

test("inputs that disagree on the batch size are both named", () => {
  expect(problem({ ...good, rows: floats([9]) })).toBe(
    'net: input "rows" [9] has batch size 3, but "x" has 4: all inputs share one batch',
  );
});

test("NaN is refused with its place", () => {
  const x = floats([4, 2]);
  x.data[5] = Number.NaN;
  expect(problem({ ...good, x })).toBe('net: input "x" holds NaN at [2,1]');
});

test("a tensor whose values do not fill its shape, or sit in another array type, is refused", () => {
  expect(problem({ ...good, x: { dtype: "float", shape: [4, 2], data: new Float32Array(7) } })).toBe(
    'net: input "x": shape [4,2] needs 8 values, the tensor holds 7',
  );
  expect(problem({ ...good, mask: { dtype: "bool", shape: [], data: new Int32Array(1) } })).toBe(
    'net: input "mask": bool values are kept in Uint8Array, got Int32Array',
  );
});

test("symbolic sizes of other names bind to anything", () => {
  const wild: Port[] = [{ name: "x", dtype: "float", shape: ["batch", "time"] }];
  expect(() => checkFeeds(wild, { x: floats([5, 7]) }, "net")).not.toThrow();
});
