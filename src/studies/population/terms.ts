/** @file What the studies of populations are given besides a recipe, and what they hold in common. */

import type { PlannedMember } from "../../methods/population/config.ts";
import type { DataFacts } from "../../methods/population/facts.ts";
import type { Ended, RunTerms } from "../each.ts";
import type { Files, Sources } from "../files.ts";
import type { MemberRecord } from "../jobs/members/train.ts";
import type { ModelBlob } from "../jobs/subject.ts";

export interface PopulationTerms extends RunTerms {
  readonly sources: Sources;
  /** Gets the models and population.json. */
  readonly files: Files;
  /** Told of each member that was trained. */
  readonly onTrained?: ((ended: Ended<MemberRecord>) => void) | undefined;
}

/** The data of all members; samples by the hash of `encodeSamples`. */
export interface TaskData {
  readonly classes: number;
  readonly shape: readonly number[];
  /** What members are trained on, cut to the recipe's limit. */
  readonly samples: string;
  /** What accuracy and attack success are measured on. */
  readonly test: string;
  /** What members are scanned with. */
  readonly inputs: string;
  readonly facts: DataFacts;
}

/** A member, trained. */
export interface Trained {
  readonly member: PlannedMember;
  readonly model: ModelBlob;
  readonly surrogate: ModelBlob | null;
  readonly record: MemberRecord;
}
