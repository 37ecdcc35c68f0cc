/** @file The verifiers. A verifier exists when it is listed here. */

import { crown, fastLin } from "./crown.ts";
import { crownIbp } from "./crown-ibp.ts";
import { ibp } from "./ibp.ts";
import type { Verifier } from "./types.ts";

export const verifiers: readonly Verifier[] = [ibp, crownIbp, fastLin, crown];
