/** @file The verifiers as suites run them: those that go on until all is decided with settings under which they end. */

import { verifiers as all } from "../../src/methods/verify/index.ts";
import type { Verifier } from "../../src/methods/verify/types.ts";

export const verifiers: readonly Verifier[] = all.map((one) => (one.quick ? one.with(one.quick) : one));
