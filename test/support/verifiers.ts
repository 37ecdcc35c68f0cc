/** @file The verifiers as suites run them: those that go on until all is decided with settings under which they end. */

import { verifiers as all } from "../../src/methods/verify/index.ts";
import type { Verifier } from "../../src/methods/verify/types.ts";
import { PATIENT } from "./patience.ts";

export const verifiers: readonly Verifier[] = all.map((one) => (one.quick ? one.with(one.quick) : one));

/** In so many turns those take part once that single queries alone are worth: more often in continuous integration (CI=1). */
const SELDOM = PATIENT ? 2 : 4;

/** For suites of many networks, each a turn: preparing takes the time. */
export const inTurn = (turn: number): readonly Verifier[] =>
  verifiers.filter(({ inQueries }, k) => !inQueries || (turn + k) % SELDOM === 0);
