/** @file What a verifier is: from a network and a perturbation set to proved lower bounds of margins. */

import type { Tensor } from "../../graph/types.ts";
import type { Runtime } from "../../runtime/session.ts";
import type { Arithmetic } from "../../transforms/interval.ts";
import type { BallMethod } from "../method.ts";
import type { Network } from "../network.ts";
import type { Batch, Threat } from "../problem.ts";

export type UnknownReason =
  | "relaxation-too-loose"
  | "timeout"
  | "memory"
  | "numerical"
  | "unsupported-op"
  /** The time of the whole audit was used up before. */
  | "time-budget"
  | "interrupted"
  /** A fault of this program: it is reported as such. */
  | "internal-error";

/** Time-out and incompleteness are `unknown`: never an error, never "robust". */
export type Verdict =
  | { readonly kind: "verified"; readonly margin: number }
  | { readonly kind: "falsified"; readonly margin: number; readonly witness: Tensor }
  | { readonly kind: "unknown"; readonly reason: UnknownReason; readonly margin: number; readonly detail?: string }
  | { readonly kind: "misclassified"; readonly predicted: number };

export interface VerifyOptions {
  readonly threat: Threat;
  /** `float32` encloses the network as it runs in float32; `real` is for comparison with papers. */
  readonly arithmetic?: Arithmetic;
  /**
   * Bytes that the intermediate results of one run may take; images and rows are chunked to stay below, and what does not
   * fit alone is unknown, with the reason "memory". Weights are not counted: see `MEMORY_BUDGET`.
   */
  readonly memoryBudget?: number;
  readonly signal?: AbortSignal;
}

/** Why an input is not proved, where its bounds do not tell. */
export interface Shortfall {
  readonly reason: UnknownReason;
  readonly detail: string;
}

/** Lower bounds of f_y − f_j over S, row j in increasing order of class without y: [n, classes − 1], row-major. */
export interface MarginBounds {
  readonly lower: Float64Array;
  readonly classes: number;
  /** What a bound must exceed to decide: the network's `leastMargin`. */
  readonly least: number;
  /** [n]: why an image that the bounds do not prove is not proved, where they do not tell. */
  readonly reasons?: readonly (Shortfall | undefined)[];
}

/** A verifier compiled for one network and set: bounds batch after batch. */
export interface PreparedVerifier extends AsyncDisposable {
  bounds(batch: Batch): Promise<MarginBounds>;
}

export interface Verifier extends BallMethod {
  /**
   * @throws UnsupportedReading naming the node that the method cannot bound
   */
  prepare(network: Network, runtime: Pick<Runtime, "compile">, options: VerifyOptions): Promise<PreparedVerifier>;
}
