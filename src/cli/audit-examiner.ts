/** @file The computing of an audit, on the worker threads. */

import type { PatchRecord } from "../methods/audit/patch-screen.ts";
import type { Examiner, Piece } from "../methods/audit/types.ts";
import type { AttackRecord, BoundRecord } from "../methods/examine.ts";
import { type Ending, pick, RefusedError } from "./engine.ts";
import type { ExaminationSession } from "./session.ts";

const SCREEN = { id: "patch-screen", version: 1 };

const limitsOf = (until: number | undefined) => ({
  deadline: until === undefined ? undefined : 1000 * until,
  partial: true,
});

/** @throws RefusedError where one piece says that the method does not apply */
const piecesOf = <R, P>(endings: readonly Ending<R>[], recordOf: (records: readonly R[]) => P): Piece<P>[] =>
  endings.map((ending) => {
    if (ending.kind === "refused") throw new RefusedError(ending.reason);
    return ending.kind === "done" ? { record: recordOf(ending.records) } : ending;
  });

export function examinerOf({ engine, chunk, seed }: ExaminationSession): Examiner {
  return {
    attack: (method, { threat, ...budget }, positions, until) =>
      engine.run<AttackRecord>({
        kind: "attack",
        what: `attacking with ${method.title} at ${threat.epsilon.toPrecision(3)}`,
        method,
        settings: { threat: { ...threat }, seed, ...budget },
        inputs: pick(chunk, positions),
        ...limitsOf(until),
      }),
    bound: (method, { threat, arithmetic }, positions, until) =>
      engine.run<BoundRecord>({
        kind: "bound",
        what: `proving with ${method.title} at ${threat.epsilon.toPrecision(3)}`,
        method,
        settings: { threat: { ...threat }, arithmetic },
        inputs: pick(chunk, positions),
        ...limitsOf(until),
      }),
    async scan(geometry, parts, positions, until) {
      const task = { kind: "scan", what: "trying patches", method: SCREEN, inputs: pick(chunk, positions) } as const;
      const settings = parts.map((part) => ({
        geometry: { ...geometry },
        candidates: part.map((candidate) => ({ ...candidate })),
      }));
      const endings = await engine.each<{ readonly hits: Int32Array }>({ ...task, ...limitsOf(until) }, settings);
      return piecesOf(endings, (records) => records);
    },
    async fit(geometry, settings, positions, until) {
      const task = { kind: "fit", what: "improving patches", method: SCREEN, inputs: pick(chunk, positions) } as const;
      const own = settings.map((one) => ({ ...one, start: { ...one.start }, geometry: { ...geometry }, seed }));
      const endings = await engine.each<PatchRecord>({ ...task, ...limitsOf(until) }, own);
      return piecesOf(endings, ([record]) => record!);
    },
    now: () => performance.now() / 1000,
  };
}
