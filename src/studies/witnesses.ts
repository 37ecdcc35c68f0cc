/** @file Where the witnesses of a study go. */

import type { Answer, AttackRecord, Chunk } from "../methods/records.ts";
import type { SetTerms } from "./boxes.ts";
import type { Examination } from "./examination.ts";
import { floats } from "./floats.ts";
import type { Provenance } from "./result-facts.ts";

/** Where a witness is: an array `images` of an NPZ file, and the row in it. */
export interface WitnessPlace {
  readonly file: string;
  readonly index: number;
}

/** Takes what attacks find. */
export interface Witnesses {
  /** What is kept of the answers of one job: witnesses that go into files are taken out. */
  receive(method: string): (answers: readonly Answer<AttackRecord>[], chunk: Chunk) => readonly Answer<AttackRecord>[];
  /** As it stands in a result; undefined where it was not kept. @param index place in the data set */
  of(index: number, witness: Float32Array | undefined, label: number): readonly number[] | WitnessPlace | undefined;
  /** What to tell where witnesses were not kept. */
  lost(): string | undefined;
}

/** How much there can be: with it is decided where witnesses go, so that this does not depend on what is found. */
export interface Extent {
  /** Inputs that are attacked. */
  readonly attacked: number;
  /** Values of an input. */
  readonly size: number;
  /** Of an input, as the model takes it. */
  readonly shape: readonly (number | string)[];
}

/** All of them stay with their results. */
const inlineWitnesses: Witnesses = {
  receive: () => (answers) => answers,
  of: (_, witness) => witness && floats(witness),
  lost: () => undefined,
};

/** @param whole inputs, by place in the data set, whose witness is needed afterwards */
export type MakeWitnesses = (extent: Extent, whole: (index: number) => boolean) => Witnesses;

/** What attacks and proofs are both asked: of which sets, and where witnesses go; by default they stay with their results. */
export interface SearchTerms extends SetTerms {
  readonly witnesses?: MakeWitnesses | undefined;
  /** What results say of where they come from. */
  readonly provenance?: Provenance | undefined;
}

/** Nothing goes into files yet: what is found may still be replaced. */
export const NOT_YET: Pick<Witnesses, "receive"> = { receive: () => (answers) => answers };

/** Inputs in a file of witnesses. */
const TOGETHER = 32;

/** The final records of a search, with their witnesses where they belong. @param found by position in the chunk */
export function settled<F extends { readonly record: AttackRecord }>(
  found: ReadonlyMap<number, F>,
  { receive }: Pick<Witnesses, "receive">,
  inputsAt: (positions: readonly number[]) => Chunk,
): Map<number, F> {
  const all = [...found].sort(([a], [b]) => a - b);
  const out = new Map<number, F>();
  for (let from = 0; from < all.length; from += TOGETHER) {
    const some = all.slice(from, from + TOGETHER);
    const answers = some.map(([, { record }]) => ({ kind: "done", record, seconds: 0 }) as const);
    const kept = receive("minimal")(answers, inputsAt(some.map(([i]) => i)));
    for (const [k, [i, own]] of some.entries()) {
      const answer = kept[k]!;
      out.set(i, answer.kind === "done" ? { ...own, record: answer.record } : own);
    }
  }
  return out;
}

export function witnessesFor(
  { chunk: { images, labels }, network, correct }: Pick<Examination, "chunk" | "network" | "correct">,
  { witnesses: make }: SearchTerms,
  whole: (index: number) => boolean = () => false,
): Witnesses {
  const size = images.length / Math.max(1, labels.length);
  return make?.({ attacked: correct.length, size, shape: network.input.shape.slice(1) }, whole) ?? inlineWitnesses;
}
