/** @file What one unit of epsilon is: for pictures a share of the way from black to white, for tables each feature's spread. */

import { type Contract, ContractError } from "./contract.ts";
import { type Dataset, endsOf, perSample } from "./dataset.ts";

export interface StatedUnit {
  /** Of data without a range; standard deviations of each feature by default. */
  readonly unit?: "std" | "raw" | undefined;
  /** The radius of each feature, in its own unit; epsilon multiplies it. 0 for features that do not change. */
  readonly featureEpsilon?: readonly number[] | undefined;
  /** Columns that do not change: names, or places counted from 1. */
  readonly fixed?: readonly string[] | undefined;
  /** The file in which each set is given end by end: there is no epsilon. */
  readonly box?: string | undefined;
}

export type UnitKind = "pixels" | "range" | "spread" | "raw" | "feature" | "given";

export interface Unit {
  readonly kind: UnitKind;
  /** For people, after a number. */
  readonly text: string;
  /** [perSample], in the data's order: what a value is multiplied by to be in these units; undefined: 1. */
  readonly factor: Float32Array | undefined;
  /** Places of values that do not change, in the data's order. */
  readonly fixed: readonly number[];
  /** What was decided on the way, a sentence each. */
  readonly notes: readonly string[];
}

/** @throws ContractError where what is stated does not fit, or spread cannot be measured */
export function unitOf(dataset: Dataset, { range }: Pick<Contract, "range">, stated: StatedUnit): Unit {
  if (stated.box !== undefined)
    return { kind: "given", text: `given by ${stated.box}`, factor: undefined, fixed: [], notes: [] };
  const fixed = placesOf(dataset, stated.fixed ?? []);
  const ends = endsOf(dataset.range);
  if (range !== undefined && ends !== undefined) {
    if (stated.unit || stated.featureEpsilon) {
      const option = stated.unit ? "--epsilon-unit" : "--feature-epsilon";
      throw new ContractError(
        `${option} is for data without a range; here epsilon is a share of the range ${ends[0]} … ${ends[1]}.`,
      );
    }
    const picture = dataset.shape.length >= 3;
    const text =
      picture || typeof dataset.range === "string"
        ? "pixel values scaled to 0…1"
        : `shares of the range ${ends[0]}…${ends[1]}`;
    return {
      kind: picture ? "pixels" : "range",
      text,
      factor: undefined,
      fixed,
      notes: fixedNotes(dataset, fixed, []),
    };
  }
  if (stated.featureEpsilon) return featureUnit(dataset, stated.featureEpsilon, fixed);
  if (stated.unit === "raw" || !dataset.values) {
    return { kind: "raw", text: "units of the data", factor: undefined, fixed, notes: fixedNotes(dataset, fixed, []) };
  }
  return spreadUnit(dataset, fixed);
}

function spreadUnit(dataset: Dataset, fixed: readonly number[]): Unit {
  const { spread, samples, whole } = dataset.values!;
  if (!spread || samples < 2) {
    throw new ContractError(
      `${dataset.name}: one row has no standard deviation for epsilon to be measured in; give more rows, --feature-epsilon, or --epsilon-unit raw.`,
    );
  }
  const constant = Array.from(spread.keys()).filter((i) => spread[i] === 0 && !fixed.includes(i));
  if (constant.length + fixed.length === spread.length) {
    throw new ContractError(`${dataset.name}: no feature changes from row to row or is free to change.`);
  }
  const held = [...fixed, ...constant].sort((a, b) => a - b);
  const moved = Array.from(spread.keys()).filter((i) => whole![i] && !held.includes(i));
  return {
    kind: "spread",
    text: `standard deviations of each feature over the ${samples} rows of the data`,
    factor: spread.map((value, i) => (held.includes(i) ? 1 : shortened(1 / value))),
    fixed: held,
    notes: [
      ...fixedNotes(dataset, fixed, constant),
      ...(moved.length === 0
        ? []
        : [
            `Always whole numbers, and changed as real ones all the same: ${nameAll(dataset, moved)}. If they are categories, hold them with --fixed.`,
          ]),
    ],
  };
}

function featureUnit(dataset: Dataset, radii: readonly number[], fixed: readonly number[]): Unit {
  const size = perSample(dataset);
  if (radii.length !== size || !radii.every((radius) => Number.isFinite(radius) && radius >= 0)) {
    throw new ContractError(
      `${radii.length} radii are stated with --feature-epsilon; give a number from 0 for each of the ${size} features.`,
    );
  }
  const zero = radii.flatMap((radius, i) => (radius === 0 && !fixed.includes(i) ? [i] : []));
  const held = [...fixed, ...zero].sort((a, b) => a - b);
  if (held.length === size) throw new ContractError("--feature-epsilon leaves no feature that may change.");
  return {
    kind: "feature",
    text: "times the radius stated for each feature",
    factor: Float32Array.from(radii, (radius, i) => (held.includes(i) ? 1 : 1 / radius)),
    fixed: held,
    notes: fixedNotes(dataset, held, []),
  };
}

/** Bits of a factor: whole numbers of up to 12 bits are then turned into units and back without rounding. */
const FACTOR_BITS = 12;

function shortened(value: number): number {
  const step = 2 ** (Math.floor(Math.log2(value)) + 1 - FACTOR_BITS);
  return Math.round(value / step) * step;
}

function placesOf(dataset: Dataset, wanted: readonly string[]): number[] {
  const size = perSample(dataset);
  const places = wanted.map((column) => {
    const named = dataset.columns?.indexOf(column) ?? -1;
    const place = named >= 0 ? named : Number(column) - 1;
    if (Number.isInteger(place) && place >= 0 && place < size) return place;
    const known = dataset.columns
      ? `columns are ${dataset.columns.slice(0, 20).join(", ")}`
      : `there are ${size}, counted from 1`;
    throw new ContractError(`--fixed ${column}: there is no such column; ${known}.`);
  });
  return [...new Set(places)].sort((a, b) => a - b);
}

const SHOWN = 12;

function nameAll({ columns }: Dataset, places: readonly number[]): string {
  const names = places.slice(0, SHOWN).map((i) => columns?.[i] ?? `column ${i + 1}`);
  return `${names.join(", ")}${places.length > SHOWN ? ` and ${places.length - SHOWN} more` : ""}`;
}

const fixedNotes = (dataset: Dataset, fixed: readonly number[], constant: readonly number[]): string[] => [
  ...(fixed.length === 0 ? [] : [`Held fixed, as stated: ${nameAll(dataset, fixed)}.`]),
  ...(constant.length === 0 ? [] : [`The same in all rows, and held fixed: ${nameAll(dataset, constant)}.`]),
];
