/** @file What a verifier is: from a network and queries to proved lower bounds of their rows. */

import type { Runtime } from "../../runtime/session.ts";
import type { Arithmetic, Queries } from "../../spec/types.ts";
import type { RowBounds } from "../../spec/verdict.ts";
import type { BallMethod } from "../method.ts";
import type { Network } from "../network.ts";
import type { SetNorms } from "./input-set.ts";

export interface VerifyOptions {
  /** What balls the queries will have: `linf` for those and for boxes. */
  readonly norm: SetNorms;
  /** `float32` encloses the network as it runs in float32; `real` is for comparison with papers. */
  readonly arithmetic?: Arithmetic;
  /**
   * Bytes that the intermediate results of one run may take; images and rows are chunked to stay below, and what does not
   * fit alone is unknown, with the reason "memory". Weights are not counted: see `MEMORY_BUDGET`.
   */
  readonly memoryBudget?: number;
  readonly signal?: AbortSignal;
}

/** A verifier compiled for one network: lower bounds of the rows, batch after batch. */
export interface PreparedVerifier extends AsyncDisposable {
  bounds(queries: Queries): Promise<RowBounds>;
}

export interface Verifier extends BallMethod {
  /**
   * @throws UnsupportedReading naming the node that the method cannot bound
   */
  prepare(network: Network, runtime: Pick<Runtime, "compile">, options: VerifyOptions): Promise<PreparedVerifier>;
}
