/** @file What an audit measures, before it is judged or shown. Positions are places among the inputs of the audit. */

import type { Attack, AttackOptions } from "../attack/types.ts";
import type { Answer, AttackRecord, BoundRecord } from "../examine.ts";
import type { Norm, Threat } from "../problem.ts";
import type { Verifier, VerifyOptions } from "../verify/types.ts";
import type { Candidate, FitSettings, PatchRecord } from "./patch-screen.ts";
import type { Geometry } from "./picture.ts";

export type AttackBudget = Pick<AttackOptions, "steps" | "restarts">;

/** How an audit gets its computing done, wherever that is. Answers come in the order of the positions. */
export interface Examiner {
  attack(
    attack: Attack,
    settings: { readonly threat: Threat } & AttackBudget,
    positions: readonly number[],
  ): Promise<readonly Answer<AttackRecord>[]>;
  /** @throws UnsupportedReading where the method does not apply to the model */
  bound(
    verifier: Verifier,
    settings: Pick<VerifyOptions, "threat"> & { readonly arithmetic: NonNullable<VerifyOptions["arithmetic"]> },
    positions: readonly number[],
  ): Promise<readonly Answer<BoundRecord>[]>;
  /** @param parts candidates that are worked on together @returns one record a candidate, in their order */
  scan(
    geometry: Geometry,
    parts: readonly (readonly Candidate[])[],
    positions: readonly number[],
  ): Promise<readonly { readonly hits: Int32Array }[]>;
  fit(
    geometry: Geometry,
    settings: readonly FitSettings[],
    positions: readonly number[],
  ): Promise<readonly PatchRecord[]>;
  /** Seconds on a clock that only goes forward. */
  now(): number;
}

/** A witness that was re-run on the model file. */
export interface Found {
  readonly method: string;
  /** Of the set in which it was found. */
  readonly epsilon: number;
  readonly record: AttackRecord & { readonly witness: Float32Array };
}

export interface EpsilonResult {
  readonly epsilon: number;
  /** Positions that are got wrong somewhere in the set. */
  readonly falsified: ReadonlySet<number>;
  readonly certified: ReadonlySet<number>;
}

/** One method at one radius. */
export interface MethodRun {
  readonly method: string;
  readonly title: string;
  readonly purpose: "attack" | "verify" | "tampering";
  readonly options: Readonly<Record<string, string | number | boolean | null>>;
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly arithmetic: "float32-safe" | "real" | null;
}

export interface Refused {
  readonly title: string;
  readonly reason: string;
}

export interface RobustnessResult {
  readonly norm: Norm;
  /** By rising epsilon. */
  readonly points: readonly EpsilonResult[];
  readonly witnesses: ReadonlyMap<number, Found>;
  /** The largest radius proved, and by what. */
  readonly proofs: ReadonlyMap<number, { readonly method: string; readonly epsilon: number; readonly lower: number }>;
  readonly runs: readonly MethodRun[];
  readonly refused: readonly Refused[];
}

/** A witness inside a proved radius: one of the two is wrong. */
export interface Contradiction {
  readonly position: number;
  readonly proof: { readonly method: string; readonly epsilon: number; readonly lower: number };
  readonly found: Found;
}

export interface PatchResult {
  readonly geometry: Geometry;
  /** One a class. */
  readonly targets: readonly PatchRecord[];
  readonly candidates: number;
  readonly searched: number;
  readonly run: MethodRun;
}
