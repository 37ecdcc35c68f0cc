/** @file What deciding a query comes to. */

import type { Arithmetic } from "../../spec/types.ts";

/** Values of all inputs, one after the other, and of all outputs as the file gives them. */
export interface Assignment {
  readonly inputs: Float64Array;
  readonly outputs: Float64Array;
  /** Inputs whose interval has no float32: the decimals that they are. The network is given them rounded. */
  readonly exact: readonly { readonly input: number; readonly value: string }[];
}

/** One method's turn. */
export interface Step {
  readonly what: string;
  readonly seconds: number;
  /** Cases that it proved. */
  readonly decided: number;
  /** Why it ended early: an operator that it does not know, memory, a fault. Other methods went on. */
  readonly failed?: string;
}

export interface Decision {
  readonly verdict: "sat" | "unsat" | "unknown" | "timed-out";
  /** What `unsat` rests on: `real` never does. */
  readonly arithmetic: Arithmetic;
  /** Boxes of inputs that the query speaks of; those that are proved; those that no input meets. */
  readonly cases: number;
  readonly proved: number;
  readonly empty: number;
  /** The least lower bound of how far the outputs are from being unsafe; null without cases, −∞ where nothing is known. */
  readonly margin: number | null;
  readonly steps: readonly Step[];
  /** What decided, with "+" between several. */
  readonly method?: string;
  /** Why it is not decided, or what is remarkable. */
  readonly detail?: string;
  /** Of `sat`. */
  readonly assignment?: Assignment;
}
