/** @file Where the witnesses of a study go. */

import type { Answer, AttackRecord, Chunk } from "../methods/records.ts";
import { floats } from "./floats.ts";

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

export const extentOf = (
  { images, labels }: Chunk,
  { input }: { readonly input: { readonly shape: readonly (number | string)[] } },
  attacked: number,
): Extent => ({ attacked, size: images.length / Math.max(1, labels.length), shape: input.shape.slice(1) });

/** All of them stay with their results. */
export const inlineWitnesses: Witnesses = {
  receive: () => (answers) => answers,
  of: (_, witness) => witness && floats(witness),
  lost: () => undefined,
};

/** @param whole inputs, by place in the data set, whose witness is needed afterwards */
export type MakeWitnesses = (extent: Extent, whole: (index: number) => boolean) => Witnesses;
