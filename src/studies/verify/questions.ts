/** @file Cases as what methods take: boxes of the inputs, half-spaces, and rows of the outputs. */

import {
  add,
  compare,
  type Decimal,
  fromDouble,
  multiply,
  negate,
  nextAbove,
  toDouble,
  toDoubleAbove,
} from "../../formats/vnnlib/decimal.ts";
import { elementName } from "../../formats/vnnlib/declarations.ts";
import { fail } from "../../formats/vnnlib/expressions.ts";
import type { Constraint, Variable, VnnLib } from "../../formats/vnnlib/types.ts";
import { roundUp } from "../../spec/sets.ts";
import type { InputSet, LinearSpec, Queries } from "../../spec/types.ts";
import { type Case, casesOf } from "./cases.ts";

/** An input of the network, and the elements of the query that are its. */
export interface Port {
  /** The network's name for it. */
  readonly name: string;
  readonly variable: Variable;
}

/** Questions of one shape. */
export interface Questions {
  readonly queries: Queries;
  /** For each the part of its box that float32 has: where witnesses are looked for. All inputs, one after the other. */
  readonly inner: readonly Inner[];
}

export interface Inner {
  readonly lower: Float32Array;
  readonly upper: Float32Array;
  /** Where no float32 lies between the ends: what is given to the network there is a number of the set, rounded. */
  readonly pinned: ReadonlyMap<number, Decimal>;
}

export interface Asked {
  readonly questions: readonly Questions[];
  /** Cases that no input meets. */
  readonly empty: number;
}

/**
 * @param inputs and outputs in the order of the network's own
 * @throws VnnLibError where an input has no bounds, or a row of the outputs is finer than float32
 */
export function questionsOf(query: VnnLib, inputs: readonly Port[], outputs: readonly Variable[]): Asked {
  const places = placesOf(inputs.map(({ variable }) => variable));
  const answers = placesOf(outputs);
  const groups = new Map<string, { region: Region; spec: Rows }[]>();
  let empty = 0;
  for (const one of casesOf(query)) {
    const region = regionOf(one, query, inputs, places);
    if (!region) {
      empty++;
      continue;
    }
    const spec = rowsOf(one.outputs, query, answers);
    const key = `${spec.disjuncts}/${region.rows.length}`;
    const group = groups.get(key) ?? [];
    group.push({ region, spec });
    groups.set(key, group);
  }
  const questions = [...groups.values()].map((group) => ({
    queries: queriesOf(group, inputs, answers.size),
    inner: group.map(({ region }) => innerOf(region)),
  }));
  return { questions, empty };
}

/** The place of each element among all of these variables. */
function placesOf(variables: readonly Variable[]): ReadonlyMap<number, number> {
  const places = new Map<number, number>();
  for (const { first, size } of variables) for (let k = 0; k < size; k++) places.set(first + k, places.size);
  return places;
}

// ---------------------------------------------------------------- inputs

interface End {
  readonly value: Decimal;
  readonly strict: boolean;
}

interface Region {
  readonly below: readonly End[];
  readonly above: readonly End[];
  readonly rows: readonly HalfSpace[];
}

interface HalfSpace {
  readonly terms: readonly (readonly [place: number, coefficient: number])[];
  readonly threshold: number;
}

/** Undefined where no input meets the conditions. */
function regionOf(
  { inputs: constraints }: Case,
  query: VnnLib,
  inputs: readonly Port[],
  places: ReadonlyMap<number, number>,
): Region | undefined {
  const below: (End | undefined)[] = Array(places.size).fill(undefined);
  const above: (End | undefined)[] = Array(places.size).fill(undefined);
  const rows: HalfSpace[] = [];
  for (const constraint of constraints) {
    const { terms } = constraint;
    const end = terms.length === 1 ? endOf(constraint) : undefined;
    if (!end?.exact) rows.push(halfSpaceOf(constraint, places));
    if (!end) continue;
    const place = places.get(terms[0]!.element)!;
    const ends = end.above ? above : below;
    ends[place] = tighter(ends[place], end, end.above ? -1 : 1);
  }
  checkBounded(below, above, query, inputs);
  const region = { below: below as End[], above: above as End[], rows };
  return isEmpty(region) ? undefined : region;
}

const isEmpty = ({ below, above }: Region): boolean =>
  below.some((low, k) => {
    const order = compare(low.value, above[k]!.value);
    return order > 0 || (order === 0 && (low.strict || above[k]!.strict));
  });

/** Beyond what two roundings of a quotient may lose. */
const QUOTIENT = 2 ** -50;

/** The end that c·x ≤ bound sets: `exact` where that is a decimal (c is ±1 with zeros), else one a little further out. */
function endOf({ terms, bound, strict }: Constraint): End & { readonly above: boolean; readonly exact: boolean } {
  const { coefficient } = terms[0]!;
  const above = coefficient.n > 0n;
  const digits = `${above ? coefficient.n : -coefficient.n}`;
  if (/^10*$/.test(digits)) {
    const value = { n: bound.n, e: bound.e - coefficient.e - (digits.length - 1) };
    return { value: above ? value : negate(value), strict, above, exact: true };
  }
  const quotient = toDouble(bound) / toDouble(coefficient);
  const room = Math.abs(quotient) * QUOTIENT + Number.MIN_VALUE;
  return { value: fromDouble(quotient + (above ? room : -room)), strict: false, above, exact: false };
}

/** The end further in; `inward` is 1 for lower ends. */
function tighter(known: End | undefined, end: End, inward: 1 | -1): End {
  if (!known) return end;
  const order = compare(end.value, known.value) * inward;
  return order > 0 || (order === 0 && end.strict) ? end : known;
}

/** The closed half-space C·x ≤ d; coefficients are float64, and what they lose is in the threshold only to its nearest. */
function halfSpaceOf({ terms, bound }: Constraint, places: ReadonlyMap<number, number>): HalfSpace {
  return {
    terms: terms.map(({ element, coefficient }) => [places.get(element)!, toDouble(coefficient)] as const),
    threshold: toDoubleAbove(bound),
  };
}

function checkBounded(
  below: readonly (End | undefined)[],
  above: readonly (End | undefined)[],
  query: VnnLib,
  inputs: readonly Port[],
): void {
  const open = below.findIndex((low, k) => !low || !above[k]);
  if (open < 0) return;
  let before = 0;
  const { variable } = inputs.find(({ variable: { size } }) => {
    if (open < before + size) return true;
    before += size;
    return false;
  })!;
  const name = elementName(variable, open - before);
  const side = below[open] ? ["upper", "<="] : ["lower", ">="];
  fail(query, query.formula.at, `${name} has no ${side[0]} bound in every case; add (assert (${side[1]} ${name} …))`);
}

const HALF: Decimal = { n: 5n, e: -1 };

/** The float32 numbers of each input's interval. */
function innerOf({ below, above }: Region): Inner {
  const lower = Float32Array.from(below, leastInside);
  const upper = Float32Array.from(above, ({ value, strict }) => -leastInside({ value: negate(value), strict }));
  const pinned = new Map<number, Decimal>();
  for (const k of lower.keys()) {
    if (lower[k]! <= upper[k]!) continue;
    const [low, high] = [below[k]!.value, above[k]!.value];
    const middle = compare(low, high) === 0 ? low : multiply(add(low, high), HALF);
    pinned.set(k, middle);
    lower[k] = toDouble(middle);
    upper[k] = lower[k]!;
  }
  return { lower, upper, pinned };
}

/** The least float32 that is no less than an end, or above it. */
function leastInside({ value, strict }: End): number {
  const least = roundUp(toDoubleAbove(value));
  return strict && compare(fromDouble(least), value) === 0 ? roundUp(nextAbove(least)) : least;
}

// ---------------------------------------------------------------- outputs

interface Rows {
  /** [S, outputs] */
  readonly matrix: Float32Array;
  readonly thresholds: Float64Array;
  readonly disjuncts: readonly number[];
}

function rowsOf(conjunctions: Case["outputs"], query: VnnLib, answers: ReadonlyMap<number, number>): Rows {
  // what asks nothing of the outputs is met by all: 0 ≤ 0
  const rows = conjunctions.flatMap((all): readonly (Constraint | undefined)[] =>
    all.length === 0 ? [undefined] : all,
  );
  const matrix = new Float32Array(rows.length * answers.size);
  const thresholds = new Float64Array(rows.length);
  for (const [r, row] of rows.entries()) {
    if (!row) continue;
    const { coefficients, threshold } = exactRow(row, query);
    for (const [k, { element }] of row.terms.entries())
      matrix[r * answers.size + answers.get(element)!] = coefficients[k]!;
    thresholds[r] = threshold;
  }
  return { matrix, thresholds, disjuncts: conjunctions.map(({ length }) => Math.max(1, length)) };
}

const greatest = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? -a : a) : greatest(b, a % b));

/** The row multiplied so that its coefficients are whole and float32 has them; the threshold is rounded up: unsafe stays unsafe. */
function exactRow({ terms, bound, at }: Constraint, query: VnnLib) {
  const e = terms.reduce((least, { coefficient }) => Math.min(least, coefficient.e), 0);
  const whole = terms.map(({ coefficient }) => coefficient.n * 10n ** BigInt(coefficient.e - e));
  const divisor = whole.reduce(greatest, 0n);
  const coefficients = whole.map((n) => Number(n / divisor));
  if (!coefficients.every((value, k) => BigInt(Math.fround(value)) === whole[k]! / divisor))
    fail(query, at, "has coefficients of more digits than float32 holds; round them, or ask with whole numbers");
  // bound · 10^−e / divisor
  const scaledBound = { n: bound.n, e: bound.e - e };
  const holds = (value: number) => compare(multiply(fromDouble(value), { n: divisor, e: 0 }), scaledBound) >= 0;
  let threshold = toDouble(scaledBound) / Number(divisor);
  while (!holds(threshold)) threshold = nextAbove(threshold);
  return { coefficients, threshold };
}

// ---------------------------------------------------------------- queries

function queriesOf(
  group: readonly { readonly region: Region; readonly spec: Rows }[],
  inputs: readonly Port[],
  outputs: number,
): Queries {
  const count = group.length;
  const { disjuncts } = group[0]!.spec;
  const size = disjuncts.reduce((sum, rows) => sum + rows, 0);
  const sets = new Map<string, InputSet>();
  let from = 0;
  for (const { name, variable } of inputs) {
    const to = from + variable.size;
    const ends = (side: "below" | "above") =>
      Float64Array.from(
        group.flatMap(({ region }) => region[side].slice(from, to).map(({ value }) => toDouble(value))),
      );
    sets.set(name, { kind: "box", lower: ends("below"), upper: ends("above") });
    from = to;
  }
  const matrix = new Float32Array(count * size * outputs);
  const thresholds = new Float64Array(count * size);
  for (const [i, { spec }] of group.entries()) {
    matrix.set(spec.matrix, i * size * outputs);
    thresholds.set(spec.thresholds, i * size);
  }
  const spec: LinearSpec = { outputs, size, rows: { kind: "dense", matrix }, thresholds, disjuncts };
  const linearInputs = halfSpaces(group, from);
  return { count, sets, spec, ...(linearInputs && { linearInputs }) };
}

function halfSpaces(group: readonly { readonly region: Region }[], inputs: number): Queries["linearInputs"] {
  const size = group[0]!.region.rows.length;
  if (size === 0) return undefined;
  const matrix = new Float64Array(group.length * size * inputs);
  const thresholds = new Float64Array(group.length * size);
  for (const [i, { region }] of group.entries()) {
    for (const [r, { terms, threshold }] of region.rows.entries()) {
      for (const [place, coefficient] of terms) matrix[(i * size + r) * inputs + place] = coefficient;
      thresholds[i * size + r] = threshold;
    }
  }
  return { size, matrix, thresholds };
}
