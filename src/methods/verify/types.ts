/** @file What a verifier is, and the bounder that most are made of: from a network and queries to lower bounds of rows. */

import type { Graph } from "../../graph/types.ts";
import type { Float, Runtime } from "../../runtime/session.ts";
import type { Arithmetic, Box, FloatArray, Queries } from "../../spec/types.ts";
import type { RowBounds } from "../../spec/verdict.ts";
import type { Witness } from "../../spec/witness.ts";
import { UnsupportedReading } from "../../transforms/unsupported.ts";
import type { BallMethod } from "../method.ts";
import type { Network } from "../network.ts";
import { type Configurable, configurable, type Declared, NO_OPTIONS, type Settings } from "../options.ts";
import type { Left, Tell } from "../time.ts";
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
  /** @param left what is not proved when it ends is unknown, with the reason "timeout" and the bounds so far @param tell shares of the work */
  bounds(queries: Queries, left?: Left, tell?: Tell): Promise<Proof>;
}

/** What a verifier says of queries. */
export interface Proof extends RowBounds {
  /** Points of the sets that may have unsafe outputs, found on the way: whoever asks runs them through the file. */
  readonly claims?: readonly Witness[];
}

export interface Verifier extends BallMethod, Configurable<Verifier> {
  /** It takes little time for what it proves: audits run it before their searches, the others after. */
  readonly cheap?: true;
  /** Audits try it where no verifier is named. */
  readonly inAudits?: true;
  /** Queries try it where no verifier is named, beside those of audits: it may go on until time ends. */
  readonly inQueries?: true;
  /** Given time and memory it decides everything: what comes before it in a query gets little time. */
  readonly complete?: true;
  /** Settings under which it ends soon, of one that goes on until all is decided. */
  readonly quick?: Settings;
  /**
   * Runs of the network on one input that the proof of one costs at the very least. An audit does not begin it where these do
   * not fit the time. Absent: hardly any.
   */
  leastRuns?(classes: number): number;
  /**
   * @throws UnsupportedReading naming the node that the method cannot bound
   */
  prepare(network: Network, runtime: Pick<Runtime, "compile">, options: VerifyOptions): Promise<PreparedVerifier>;
}

/** A verifier before its options are settled; where it declares none, it has none. */
export interface VerifierDefinition<S extends Settings = Settings>
  extends BallMethod,
    Partial<Declared<S>>,
    Pick<Verifier, "cheap" | "inAudits" | "inQueries" | "complete" | "quick" | "leastRuns"> {
  readonly prepare: (
    network: Network,
    runtime: Pick<Runtime, "compile">,
    options: VerifyOptions & S,
  ) => Promise<PreparedVerifier>;
}

/** Bounds cover the rounding of float32: of a file that rounds more coarsely, whatever computes them, they would be false. */
export const defineVerifier = <S extends Settings = Settings>({
  prepare,
  ...description
}: VerifierDefinition<S>): Verifier => {
  const declared = { ...NO_OPTIONS, ...description } as unknown as Declared;
  return configurable<Settings, Verifier>("verify", declared, (settings) => ({
    ...description,
    async prepare(network: Network, runtime: Pick<Runtime, "compile">, options: VerifyOptions) {
      if (network.half === undefined) return prepare(network, runtime, { ...options, ...(settings as S) });
      throw new UnsupportedReading(
        network.half,
        "bound",
        "the file computes in float16 from there on; export the model in float32 and certify that, or attack this one",
      );
    },
  }));
};

// ---------------------------------------------------------------- bounders

/** Boxes of one layer, the operand of what is relaxed, for n queries: each [n, …layer]. */
export type LayerBox = Box;

/** One layer of a bounder: an operand of something that is relaxed. */
export interface Layer {
  /** Of one sample. */
  readonly shape: readonly number[];
  /** Where what it goes into has kinks; undefined where something bends everywhere. */
  readonly kinks: readonly number[] | undefined;
}

/** The choices of a relaxed node's lines for n queries, each in [0, 1] and [n, …node]. */
export interface Alphas {
  readonly lower: FloatArray;
  /** Where the upper line has a choice too; default: as the lower one's. */
  readonly upper?: FloatArray;
}

/** What is known or supposed beside the queries: the state of a node of branch and bound. All by query. */
export interface Restrictions {
  /** Boxes found otherwise, by layer, taken as they are. */
  readonly boxes?: ReadonlyMap<number, LayerBox>;
  /** Neurons whose sign is fixed, by layer, [n, …layer]: 1: at least 0; −1: at most 0; 0: free. */
  readonly splits?: ReadonlyMap<number, Int8Array>;
  /** Parts of the inputs' sets, by the names of the inputs: each [n, …input]. */
  readonly inputs?: ReadonlyMap<string, Box>;
  /**
   * By what is bounded (a layer, or the rows: `layers.length`), then by relaxed node. For a bounder with `alpha`; ½ where
   * nothing is said.
   */
  readonly alphas?: ReadonlyMap<number, ReadonlyMap<number, Alphas>>;
}

export interface Bounds extends RowBounds {
  /**
   * [n, S]; −∞ where a row was left open or nothing is known, +∞ where the bounds show that no point of the set obeys the
   * restrictions.
   */
  readonly lower: Float64Array;
  /** Of every layer; empty where no restrictions were given and the method needs none. */
  readonly boxes: readonly LayerBox[];
  /**
   * For bounders with `candidates`: for each row the point of the set where its linear bound is least, by the names of the
   * inputs, [n, S, …input]. In the set, but for half-spaces of inputs; zeros for rows that were left open.
   */
  readonly candidates?: ReadonlyMap<string, Float32Array>;
}

export interface BounderOptions extends VerifyOptions {
  /** Rows of a query, for which the graphs are compiled at once; default: outputs − 1, the margins of a class. */
  readonly rows?: number;
  /** Bytes for rows at once, where less than the budget: what caches hold is faster than what memory does. */
  readonly rowsBudget?: number;
  /** Slopes of the lower lines are inputs. */
  readonly alpha?: boolean;
  /** Find the point where each row's bound is least. */
  readonly candidates?: boolean;
  /** Bound every neuron, also those that interval propagation finds stable: for comparison with papers. */
  readonly allRows?: boolean;
  /** What the bounds are computed in; float64 is slow, and for comparisons. */
  readonly float?: Float;
}

/** Incomplete bounds; also the inner step of branch and bound. Of any graph: any inputs, any outputs, any rows. */
export interface Bounder extends AsyncDisposable {
  readonly layers: readonly Layer[];
  /** Shapes of the results of the relaxed nodes, of one sample: what `alphas` are for. */
  readonly relaxed: readonly (readonly number[])[];
  /** @param left as of a verifier; where it ends early the boxes are left out */
  bounds(queries: Queries, given?: Restrictions, left?: Left, tell?: Tell): Promise<Bounds>;
}

/** @throws UnsupportedReading naming the node that cannot be bounded; MemoryError where nothing fits the budget */
export type MakeBounder = (
  graph: Graph,
  runtime: Pick<Runtime, "compile">,
  options: BounderOptions,
) => Promise<Bounder>;
