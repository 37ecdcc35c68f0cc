/** @file The computing of an audit, on the worker threads. */

import type { Examiner, Piece } from "../../methods/audit/types.ts";
import { passesIn } from "../../methods/cost.ts";
import { type Ending, NotApplicable, pick } from "../engine.ts";
import type { Examination } from "../examination.ts";
import * as jobs from "../jobs/kinds.ts";
import { ownAttack, ownVerifier } from "../jobs/own.ts";

const SCREEN = { id: "patch-screen", version: 1 };

const limitsOf = (until: number | undefined) => ({
  deadline: until === undefined ? undefined : 1000 * until,
  partial: true,
});

/** @throws NotApplicable where one piece says that the method does not apply */
const piecesOf = <R, P>(endings: readonly Ending<R>[], recordOf: (records: readonly R[]) => P): Piece<P>[] =>
  endings.map((ending) => {
    if (ending.kind === "refused") throw new NotApplicable(ending.reason);
    return ending.kind === "done" ? { record: recordOf(ending.records) } : ending;
  });

export function examinerOf({ engine, chunk, seed, place, network }: Examination): Examiner {
  return {
    attack: (method, { threat }, positions, until) =>
      engine.run({
        job: jobs.attack,
        what: `attacking with ${method.title} at ${threat.epsilon.toPrecision(3)}`,
        method,
        own: ownAttack(method),
        settings: { threat, seed, options: method.settings },
        inputs: pick(chunk, positions),
        ...limitsOf(until),
      }),
    bound: (method, { threat, arithmetic }, positions, until) =>
      engine.run({
        job: jobs.bound,
        what: `proving with ${method.title} at ${threat.epsilon.toPrecision(3)}`,
        method,
        own: ownVerifier(method),
        settings: { threat, arithmetic, options: method.settings },
        inputs: pick(chunk, positions),
        ...limitsOf(until),
      }),
    async scan(geometry, parts, positions, until) {
      const task = { job: jobs.scan, what: "trying patches", method: SCREEN, inputs: pick(chunk, positions) };
      const settings = parts.map((candidates) => ({ geometry, candidates }));
      const endings = await engine.each({ ...task, ...limitsOf(until) }, settings);
      return piecesOf(endings, (records) => records);
    },
    async fit(geometry, settings, positions, until) {
      const task = { job: jobs.fit, what: "improving patches", method: SCREEN, inputs: pick(chunk, positions) };
      const own = settings.map((one) => ({ ...one, geometry, seed }));
      const endings = await engine.each({ ...task, ...limitsOf(until) }, own);
      return piecesOf(endings, ([record]) => record!);
    },
    now: () => place.now() / 1000,
    least: (runs) => runs / passesIn(1, network.graph),
  };
}
