/** @file What an audit measures, before it is judged or shown. Positions are places among the inputs of the audit. */

import type { Arithmetic, Norm, Threat } from "../../spec/types.ts";
import type { UnknownReason } from "../../spec/verdict.ts";
import type { Attack } from "../attack/types.ts";
import type { Settings } from "../options.ts";
import type { Geometry } from "../picture.ts";
import type { Answer, AttackRecord, BoundRecord, Unanswered } from "../records.ts";
import type { Verifier } from "../verify/types.ts";
import type { Candidate, FitSettings, PatchRecord } from "./patch-screen.ts";

/** Why a piece of work has no result, and a sentence about it. */
export interface Missing {
  readonly reason: Unanswered;
  readonly message: string;
}

/** One piece of work of several: its record, or why there is none. */
export type Piece<R> = { readonly record: R } | Missing;

/**
 * How an audit gets its computing done, wherever that is. Answers come in the order of the positions. What has not begun
 * by `until`, seconds on the clock of `now`, is not examined.
 */
export interface Examiner {
  attack(
    attack: Attack,
    settings: { readonly threat: Threat },
    positions: readonly number[],
    until?: number,
  ): Promise<readonly Answer<AttackRecord>[]>;
  /** @throws UnsupportedReading where the method does not apply to the model */
  bound(
    verifier: Verifier,
    settings: { readonly threat: Threat; readonly arithmetic: Arithmetic },
    positions: readonly number[],
    until?: number,
  ): Promise<readonly Answer<BoundRecord>[]>;
  /**
   * @param parts candidates that are worked on together @returns one a part: what each of its candidates came to
   * @throws UnsupportedReading as `bound`
   */
  scan(
    geometry: Geometry,
    parts: readonly (readonly Candidate[])[],
    positions: readonly number[],
    until?: number,
  ): Promise<readonly Piece<readonly { readonly hits: Int32Array }[]>[]>;
  /** @throws UnsupportedReading as `bound` */
  fit(
    geometry: Geometry,
    settings: readonly FitSettings[],
    positions: readonly number[],
    until?: number,
  ): Promise<readonly Piece<PatchRecord>[]>;
  /** Seconds on a clock that only goes forward. */
  now(): number;
  /** Seconds that so many runs of the network on one input take at the very least, on one core. */
  least(runs: number): number;
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
  /** Proved, rounding included; empty in real arithmetic. */
  readonly certified: ReadonlySet<number>;
  /** By bounds in real arithmetic, which prove nothing; empty in float32. */
  readonly bounded: ReadonlySet<number>;
  /** For positions that are none of these: why no bound holds. */
  readonly reasons: ReadonlyMap<number, UnknownReason>;
}

/** One method at one radius. */
export interface MethodRun {
  readonly method: string;
  readonly title: string;
  readonly purpose: "attack" | "verify" | "tampering";
  readonly options: Settings;
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly arithmetic: "float32-safe" | "real" | null;
}

export interface Refused {
  readonly title: string;
  readonly reason: string;
}

/** A verifier that was not tried from this radius on: the attacks had answered what is asked. */
export interface Needless {
  readonly title: string;
  readonly from: number;
}

/** Work that was planned and not done, or not whole. */
export interface Unexamined {
  readonly title: string;
  readonly epsilon: number | null;
  /** Inputs, candidates or classes that it did not get to, of so many. */
  readonly left: number;
  readonly of: number;
  readonly reason: Unanswered;
  /** Not begun, because one of them takes so many times what was left at the very least. */
  readonly times?: number;
}

export interface RobustnessResult {
  readonly norm: Norm;
  /** By rising epsilon. */
  readonly points: readonly EpsilonResult[];
  readonly witnesses: ReadonlyMap<number, Found>;
  /** The largest radius proved, rounding included, and by what. */
  readonly proofs: ReadonlyMap<number, Proof>;
  readonly runs: readonly MethodRun[];
  readonly refused: readonly Refused[];
  readonly needless: readonly Needless[];
  readonly unexamined: readonly Unexamined[];
}

/** That no point of a set is got wrong, rounding included. */
export interface Proof {
  readonly method: string;
  readonly epsilon: number;
  /** Of the margins, > 0. */
  readonly lower: number;
}

/** A witness inside a proved radius: one of the two is wrong. */
export interface Contradiction {
  readonly position: number;
  readonly proof: Proof;
  readonly found: Found;
}

export interface PatchResult {
  readonly geometry: Geometry;
  /** One a class that was examined. */
  readonly targets: readonly PatchRecord[];
  readonly candidates: number;
  readonly searched: number;
  readonly run: MethodRun;
  readonly unexamined: readonly Unexamined[];
}
