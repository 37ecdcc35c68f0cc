/** @file A VNN-LIB query as plain data. */

import type { Decimal } from "./decimal.ts";
import type { Position } from "./error.ts";

/** A tensor that a query speaks of. Its elements have numbers of their own: `first` and those after it, row by row. */
export interface Variable {
  readonly name: string;
  readonly role: "input" | "hidden" | "output";
  /** As written: `float32`, `Real`, … */
  readonly type: string;
  readonly shape: readonly number[];
  readonly first: number;
  readonly size: number;
  /** Of a hidden variable: the tensor in the file. */
  readonly tensor?: string;
  /** How its elements are called: `X_0-1`, or `X[0,1]`. */
  readonly naming: "joined" | "indexed";
  readonly position: Position;
}

export interface NetworkDeclaration {
  /** Undefined in version 1, where the only network has no name. */
  readonly name: string | undefined;
  readonly like?: { readonly kind: "equal-to" | "isomorphic-to"; readonly name: string };
  readonly variables: readonly Variable[];
  readonly position: Position;
}

/** Σ c·v ≤ bound, of elements v by their numbers; `<` where strict. */
export interface Constraint {
  readonly kind: "constraint";
  readonly strict: boolean;
  readonly terms: readonly Term[];
  readonly bound: Decimal;
  /** Offset in the text. */
  readonly at: number;
}

export interface Term {
  readonly element: number;
  /** Not 0. */
  readonly coefficient: Decimal;
}

export type Formula =
  | Constraint
  | { readonly kind: "and" | "or"; readonly parts: readonly Formula[]; readonly at: number };

export interface VnnLib {
  readonly file: string;
  readonly text: string;
  readonly version: { readonly major: 1 | 2; readonly minor: number };
  readonly networks: readonly NetworkDeclaration[];
  /** What holds of the values that are looked for: all assertions. */
  readonly formula: Formula;
}
