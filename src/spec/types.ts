/**
 * @file What is asked of a network: sets of inputs, and what its outputs may not do there. One object for attacks,
 * verifiers and whatever reads or checks their answers, so that all of them answer the same question.
 *
 * Everything is for n queries at once that differ in numbers alone: sets are arrays [n, …input], rows [n, S, outputs].
 */

export type Norm = "linf" | "l2" | "l1";

/**
 * `real`: bounds of the network over the real numbers, computed without directed rounding: for comparison with papers.
 * `float32`: bounds that enclose what the network computes in float32, in any order of summation.
 */
export type Arithmetic = "real" | "float32";

export type FloatArray = Float32Array | Float64Array;

/** Ends for every element, each [n, …input]. */
export interface Box {
  readonly lower: FloatArray;
  readonly upper: FloatArray;
}

/** S(x) = {x′ : ‖x′ − x‖_p ≤ epsilon} ∩ [low, high]ⁿ, in pixels; normalisation is inside the network. */
export interface Threat {
  readonly norm: Norm;
  /** ≥ 0, in units of the pixels. */
  readonly epsilon: number;
  /** The pixels' range; [0, 1] unless the data contract says otherwise; undefined: unbounded. */
  readonly domain: readonly [low: number, high: number] | undefined;
  /** Places in an input of values that do not change. */
  readonly fixed?: readonly number[];
}

/** The balls of one threat, each around its own centre; `within`: only what lies in these boxes too. */
export interface BallSet extends Threat {
  readonly kind: "ball";
  /** [n, …input] */
  readonly centre: FloatArray;
  readonly within?: Box;
}

/** The values that one input of the network takes, in n queries. */
export type InputSet = ({ readonly kind: "box" } & Box) | BallSet;

/** Rows of coefficients of the outputs, [n, S, outputs], all float32: what is bounded is exactly what is asked. */
export type SpecRows =
  | { readonly kind: "dense"; readonly matrix: Float32Array }
  /** Row s is output `first` minus output `second`, each [n, S]: margins, at a few bytes a row. */
  | { readonly kind: "differences"; readonly first: Int32Array; readonly second: Int32Array };

/**
 * Unsafe outputs y in disjunctive form: those where, for some disjunct, C·y ≤ d holds in every row. Outputs that are not
 * numbers are unsafe whatever the rows say.
 */
export interface LinearSpec {
  /** Elements of y: all outputs of the network, flattened, one after the other. */
  readonly outputs: number;
  /** Rows of a query, S. */
  readonly size: number;
  readonly rows: SpecRows;
  /** d, [n, S]; zeros where absent. */
  readonly thresholds?: Float64Array;
  /** How many rows each disjunct has, in order of rows, the same for all queries. Where absent, each row is one. */
  readonly disjuncts?: readonly number[];
  /**
   * By how much a row must exceed its threshold before it counts as safe, ≥ 0: what the file still does to the outputs that
   * are bounded may undo less. 0 where absent.
   */
  readonly clearance?: number;
}

/** Half-spaces that the inputs of a query lie in too: C·x ≤ d, x all inputs, flattened, one after the other. */
export interface InputRows {
  /** Rows of a query, R. */
  readonly size: number;
  /** C, [n, R, inputs] */
  readonly matrix: Float64Array;
  /** d, [n, R] */
  readonly thresholds: Float64Array;
}

/** Is there an input of the sets with unsafe outputs? n questions of one shape. */
export interface Queries {
  /** n */
  readonly count: number;
  /** By the name of the network's input. */
  readonly sets: ReadonlyMap<string, InputSet>;
  readonly spec: LinearSpec;
  readonly linearInputs?: InputRows;
}
