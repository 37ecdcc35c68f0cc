import { expect, test } from "vitest";
import { rng } from "../../random/rng.ts";
import { gzip } from "../gzip.ts";
import { add, compare, fromDouble, multiply, parseDecimal, plainText, toDouble, toDoubleAbove } from "./decimal.ts";
import { elementName } from "./declarations.ts";
import { parseVnnLib, readVnnLib } from "./read.ts";
import { satisfies } from "./satisfies.ts";
import type { VnnLib } from "./types.ts";

const decimal = (text: string) => parseDecimal(text) as Exclude<ReturnType<typeof parseDecimal>, "range" | undefined>;

const FIRST = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-fun Y_0 () Real)\n";
const SECOND = `(vnnlib-version <2.1>)
(declare-network f
  (declare-input X float32 [1,2])
  (declare-output Y float32 [2,1])
  (declare-output Z float32 []))
`;

/** [X_0, X_1, Y_0] */
const holds = (condition: string, values: readonly number[]): boolean =>
  satisfies(parseVnnLib(`${FIRST}(assert ${condition})`), values);

test("decimals are exact: 0.1 and 0.2 are 0.3, and the float64 nearest to 0.1 lies above it", () => {
  expect(compare(add(decimal("0.1"), decimal("2e-1")), decimal(".3"))).toBe(0);
  expect(compare(fromDouble(0.1), decimal("0.1"))).toBe(1);
  expect(compare(fromDouble(2 ** -149), multiply(decimal("5e-1"), fromDouble(2 ** -148)))).toBe(0);
  expect(compare(fromDouble(-3 * 2 ** 60), decimal(`${-3n * 2n ** 60n}`))).toBe(0);
  expect(toDouble(decimal("-1.5E+2"))).toBe(-150);
  expect(toDoubleAbove(decimal("0.1"))).toBe(0.1);
  // 0.3 as float64 is 0.29999…: the next one above is taken
  expect(toDoubleAbove(decimal("0.3"))).toBeGreaterThan(0.3);
  expect(toDoubleAbove(decimal("-0.1"))).toBeGreaterThan(-0.1);
});

test("numbers are printed without exponents, and read again as the same", () => {
  for (const [text, expected] of [
    ["1e-7", "0.0000001"],
    ["-12.50", "-12.5"],
    ["3e3", "3000"],
    ["0.0", "0"],
    ["-5e-1", "-0.5"],
  ] as const)
    expect(plainText(decimal(text))).toBe(expected);
});

test("what is no number, and what no float64 comes near to, is told apart", () => {
  expect(["", ".", "1e", "--1", "0x1", "1.2.3", "nan"].map(parseDecimal)).toEqual(Array(7).fill(undefined));
  expect(["1e400", "1e999999999", "1e-999999999"].map(parseDecimal)).toEqual(Array(3).fill("range"));
});

test("version 1: elements in any order, declared as constants or functions, with comments and SMT-LIB's own commands", () => {
  const { version, networks } = parseVnnLib(
    `; (assert
    (set-logic QF_LRA) (declare-const Y_0 Real)(declare-fun X_1 () Real) ; X_7
    (declare-const X_0 Real) (assert (<= X_0 1)) (check-sat)`,
  );
  expect(version).toEqual({ major: 1, minor: 0 });
  expect(networks[0]!.variables.map(({ name, role, shape, first }) => [name, role, shape, first])).toEqual([
    ["X", "input", [2], 0],
    ["Y", "output", [1], 2],
  ]);
});

test("version 1: places with an axis each make a tensor", () => {
  const { networks, formula } = parseVnnLib(
    "(declare-const X_0-0 Real)(declare-const X_0-1 Real)(declare-const Y_0 Real)(assert (<= X_0-1 1))",
  );
  expect(networks[0]!.variables[0]!.shape).toEqual([1, 2]);
  expect(formula).toMatchObject({ parts: [{ terms: [{ element: 1 }] }] });
});

test("version 2: tensors, scalars, hidden variables and networks like others", () => {
  const text = `(vnnlib-version <2.0>)
(declare-network f (declare-input X real [1, 2] initialized) (declare-hidden H real [3] "relu 1") (declare-output Y real []))
(declare-network g (isomorphic-to f) (declare-input A real [1,2]) (declare-output B real []))
(assert (and (<= X[0,1] 1e-3) (>= Y 0.5)))`;
  const { networks, version } = parseVnnLib(text);
  expect(version).toEqual({ major: 2, minor: 0 });
  expect(networks.map(({ name, like }) => [name, like])).toEqual([
    ["f", undefined],
    ["g", { kind: "isomorphic-to", name: "f" }],
  ]);
  const [x, h, y] = networks[0]!.variables;
  expect([elementName(x!, 1), h!.tensor, h!.first, elementName(y!, 0), y!.shape]).toEqual([
    "X[0,1]",
    "relu 1",
    2,
    "Y",
    [],
  ]);
});

test.each([
  ["(<= X_0 1)", [1, 0, 0], true],
  ["(< X_0 1)", [1, 0, 0], false],
  ["(>= 1 X_0)", [1, 0, 0], true],
  ["(> X_0 -1e-1)", [-0.1, 0, 0], false], // the float64 nearest to −0.1 lies below it
  ["(== X_0 X_1)", [2, 2, 0], true],
  ["(= X_0 X_1)", [2, 2.5, 0], false],
  ["(!= X_0 X_1)", [2, 2, 0], false],
  ["(!= X_0 X_1)", [2, 2.5, 0], true],
  ["(or (and (<= X_0 0) (<= X_1 0)) (>= Y_0 5))", [1, 0, 5], true],
  ["(or (and (<= X_0 0) (<= X_1 0)) (>= Y_0 5))", [1, 0, 4], false],
  ["(<= (+ X_0 (* 2 X_1) (- Y_0) 1) (- 3 X_0 1))", [1, 1, 3], true], // 1 + 2 − 3 + 1 = 1 ≤ 1
  ["(<= (* X_0 -1 2) (- 0 (* 3 2)))", [3, 0, 0], true],
  ["(<= (- X_0 X_0) (* 0 X_1))", [3, 0, 0], true],
  ["(<= X_0 Y_0)", [0, 0, Number.POSITIVE_INFINITY], true],
  ["(!= X_0 Y_0)", [0, 0, Number.NaN], false],
  ["(or (<= Y_0 0) (>= Y_0 0))", [0, 0, Number.NaN], false],
])("%s of %j is %s", (condition, values, expected) => {
  expect(holds(condition, values)).toBe(expected);
});

test.each([
  ["(assert (<= X_0 1)", '1:1: this "(" is not closed'],
  [`${FIRST}(assert (<= X_0 1)))`, '4:20: this ")" closes nothing'],
  ["", "1:1: asks nothing"],
  ["X", "1:1: this is no command"],
  [FIRST, "1:1: asserts nothing"],
  [`${FIRST}(assert (<= X_0 1) (<= X_1 1))`, "4:1: assert takes one condition, not 2"],
  [`${FIRST}(assert (<= X_9 1))`, '4:13: "X_9" is neither a number nor declared'],
  [`${FIRST}(assert\n  (<= X_0 1e999))`, "5:11: 1e999 is beyond the range"],
  [`${FIRST}(assert (not (<= X_0 1)))`, '4:10: "not" is no condition'],
  [`${FIRST}(assert (and))`, "4:9: (and) of nothing"],
  [`${FIRST}(assert X_0)`, "4:9: this is no condition"],
  [`${FIRST}(assert (<= 0 1))`, "4:9: compares numbers alone"],
  [`${FIRST}(assert (<= X_0 1 2))`, "4:9: <= compares two terms, not 3"],
  [`${FIRST}(assert (<= (* X_0 X_1) 1))`, "4:13: a product of variables is not linear"],
  [`${FIRST}(assert (<= (/ X_0 2) 1))`, "4:13: this is no term"],
  [`${FIRST}(assert (<= (+) 1))`, "4:13: (+) of nothing"],
  [`${FIRST}(declare-const X_0 Real)(assert (<= X_0 1))`, "4:16: X_0 is declared twice"],
  [`${FIRST}(declare-const X_3 Real)(assert (<= X_0 1))`, "4:16: X_2 is not declared"],
  [`${FIRST}(declare-const Z_0 Real)`, '4:16: "Z_0" is no variable of VNN-LIB 1.0'],
  [`${FIRST}(declare-const X_2 Int)`, '4:20: "Int" is no type of VNN-LIB 1.0'],
  [`${FIRST}(declare-fun X_2 (Real) Real)`, "4:18: functions of arguments"],
  [`${FIRST}(declare-const X_0-0 Real)(assert (<= X_0 1))`, "4:16: X_0-0 has another number of axes"],
  ["(declare-const X_0 Real)(assert (<= X_0 1))", "1:1: declares no output Y_0"],
  ["(declare-network f)", "1:1: version 2 begins with (vnnlib-version <2.1>)"],
  [`${FIRST}(define-fun f)`, '4:1: "define-fun" is no command'],
  ["(vnnlib-version 2.1)", "1:17: write the version as"],
  ["(vnnlib-version <3.0>)", "1:17: version 3.0 is not known"],
  ["(vnnlib-version <2.1>)", "1:1: declares no network"],
  [`${SECOND}(assert (<= X[0,2] 1))`, "6:13: X has the shape [1,2]; name one element, such as X[0,1]"],
  [`${SECOND}(assert (<= X 1))`, "6:13: X has the shape [1,2]"],
  [`${SECOND}(assert (<= X[0,x] 1))`, '6:14: "x" is no size or index'],
  [
    `${SECOND}(assert (<= Z 1))(declare-network g (declare-input A real []) (declare-output B real []))`,
    "6:18: declare all networks before",
  ],
  [`${SECOND}(declare-network f (declare-input A real []) (declare-output B real []))`, '6:18: "f" is declared twice'],
  [`${SECOND}(declare-network g (declare-input X real []) (declare-output B real []))`, '6:35: "X" is declared twice'],
  [`${SECOND}(declare-network g (equal-to h) (declare-input A real []))`, "6:30: equal-to names an earlier network"],
  [`${SECOND}(declare-network g (declare-output A real []))`, "6:1: network g declares no input"],
  [`${SECOND}(declare-network g (declare-output A real []) (declare-input B real []))`, "6:47: declare inputs first"],
  [`${SECOND}(declare-network g (declare-input A half []))`, '6:37: "half" is no type'],
  [`${SECOND}(declare-network g (declare-input A real [0]))`, "6:42: a variable without elements"],
  [`${SECOND}(declare-network g (declare-input A real))`, "6:20: a variable needs a shape"],
  [`${SECOND}(declare-network g (declare-input 1a real []))`, '6:35: "1a" is no name'],
  [`${SECOND}(declare-network g (declare-input A real []) (declare-hidden H real []))`, "6:46: this does not belong"],
  [
    `${SECOND}(declare-network g (declare-input A int8 []) (declare-output B real []))(assert (<= A B))`,
    "6:81: compares int8 with Real",
  ],
  [
    `${SECOND}(declare-network g (declare-input A int8 []) (declare-output B real []))(assert (<= A 0.5))`,
    "6:81: a fraction is no int8",
  ],
  [`${FIRST}(assert ${"(and ".repeat(600)}(<= X_0 1)${")".repeat(600)})`, "conditions are nested more than 500 deep"],
  [`${FIRST}(assert (<= ${"(+ ".repeat(600)}X_0${")".repeat(600)} 1))`, "terms are nested more than 500 deep"],
])("%j is refused: %s", (text, expected) => {
  expect(() => parseVnnLib(text, "q.vnnlib")).toThrow(/^q\.vnnlib:\d+:\d+: [^\n]+$/);
  expect(() => parseVnnLib(text, "q.vnnlib")).toThrow(expected);
});

test("a gzip'ed file is read as what is in it; what is no text is refused by name", () => {
  const text = new TextEncoder().encode(`${FIRST}(assert (<= X_0 1))`);
  expect(readVnnLib(gzip(text), "q.vnnlib.gz")).toEqual({ ...readVnnLib(text, "q.vnnlib"), file: "q.vnnlib.gz" });
  expect(() => readVnnLib(Uint8Array.of(0xff, 0xfe, 0xff), "q.vnnlib")).toThrow("q.vnnlib:1:1: is no text");
  expect(() => readVnnLib(gzip(text).subarray(0, 20), "q.vnnlib.gz")).toThrow(/^q.vnnlib.gz:1:1: gzip: /);
});

// ---------------------------------------------------------------- random queries

interface Random {
  readonly text: string;
  readonly value: (values: readonly number[]) => boolean | number;
}

/** A condition in small whole numbers, and what it means. */
function randomCondition(random: () => number, depth: number): Random {
  const pick = (n: number) => Math.floor(random() * n);
  const term = (level: number): Random => {
    const kind = pick(level > 0 ? 5 : 2);
    if (kind === 0) {
      const k = pick(3);
      return { text: ["X_0", "X_1", "Y_0"][k]!, value: (values) => values[k]! };
    }
    if (kind === 1) {
      const c = pick(9) - 4;
      return { text: [`${c}`, `${c}.0`, `${10 * c}e-1`][pick(3)]!, value: () => c };
    }
    if (kind === 2) {
      const [c, inner] = [pick(5) - 2, term(level - 1)];
      return { text: `(* ${c} ${inner.text})`, value: (values) => c * Number(inner.value(values)) };
    }
    const parts = Array.from({ length: 1 + pick(3) }, () => term(level - 1));
    const sign = kind === 3 ? 1 : -1;
    const sum = (values: readonly number[]) => {
      const [first = 0, ...rest] = parts.map((part) => Number(part.value(values)));
      if (sign < 0 && rest.length === 0) return -first;
      return rest.reduce((total, one) => total + sign * one, first);
    };
    return { text: `(${sign > 0 ? "+" : "-"} ${parts.map(({ text }) => text).join(" ")})`, value: sum };
  };
  if (depth > 0 && random() < 0.6) {
    const parts = Array.from({ length: 1 + pick(3) }, () => randomCondition(random, depth - 1));
    const every = random() < 0.5;
    const text = `(${every ? "and" : "or"} ${parts.map((part) => part.text).join("\n ")})`;
    const all = (values: readonly number[]) => parts.map((part) => part.value(values) as boolean);
    return { text, value: (values) => (every ? all(values).every(Boolean) : all(values).some(Boolean)) };
  }
  const [left, right] = [term(2), term(2)];
  const operator = (["<=", ">=", "<", ">", "==", "!="] as const)[pick(6)]!;
  const compared = {
    "<=": (d: number) => d <= 0,
    ">=": (d: number) => d >= 0,
    "<": (d: number) => d < 0,
    ">": (d: number) => d > 0,
    "==": (d: number) => d === 0,
    "!=": (d: number) => d !== 0,
  };
  // a variable on one side at least
  return {
    text: `(${operator} (+ X_0 ${left.text}) ${right.text})`,
    value: (values) => compared[operator](values[0]! + Number(left.value(values)) - Number(right.value(values))),
  };
}

test("random conditions mean what they say, at all points of a grid", () => {
  const random = rng(4);
  const grid = [-2, -1, 0, 1, 2];
  for (let i = 0; i < 300; i++) {
    const { text, value } = randomCondition(() => random.uniform(), 3);
    const query: VnnLib = parseVnnLib(`${FIRST}(assert ${text})`);
    for (const x of grid)
      for (const y of grid)
        for (const z of grid) {
          if (satisfies(query, [x, y, z]) !== value([x, y, z])) expect.fail(`${text} at ${[x, y, z]}`);
        }
  }
});
