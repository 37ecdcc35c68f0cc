/** @file What two models are compared by, and what came of it: plain data. */

import type { Proportion } from "../../stats/proportion.ts";

/** `undecided`: the estimate has dropped by more than is allowed, but chance could do it. */
export type ChangeOutcome = "regression" | "none" | "undecided";

/** A rate of both models. */
export interface RateChange {
  readonly id: "accuracy" | "attacked" | "proved";
  /** In words: "not falsified within linf 0.1". */
  readonly what: string;
  readonly a: Proportion;
  readonly b: Proportion;
  /** By how much the rate has dropped, and by how much at least, with 95% confidence one-sided. */
  readonly drop: number;
  readonly least: number;
  /** Inputs that only the one model has right, where the two were compared input by input. */
  readonly lost: number | null;
  readonly gained: number | null;
  readonly outcome: ChangeOutcome;
}

/** Something that is there or not: a condition of a gate, a sign of a backdoor, the decision. */
export interface StateChange {
  readonly what: string;
  readonly a: string;
  readonly b: string;
  readonly outcome: ChangeOutcome;
}

/** An input that the two models answer differently, as the data counts. */
export interface ChangedAnswer {
  readonly index: number;
  readonly label: number | null;
  readonly a: number;
  readonly b: number;
}

export interface Side {
  readonly path: string;
  readonly sha256: string;
}

export interface Comparison {
  readonly a: Side;
  readonly b: Side;
  /** Input by input, or by rates on whatever inputs each report had. */
  readonly paired: boolean;
  readonly inputs: number;
  /** A drop up to this is no regression. */
  readonly allowed: number;
  /** Share of inputs with the same answer; `null` where single answers are not known. */
  readonly agreement: Proportion | null;
  readonly rates: readonly RateChange[];
  readonly states: readonly StateChange[];
  readonly changed: readonly ChangedAnswer[];
  /** What makes the comparison weaker than it looks. */
  readonly notes: readonly string[];
  /** The gravest of all changes. */
  readonly outcome: ChangeOutcome;
}
