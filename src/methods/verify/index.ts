/** @file The verifiers. A verifier exists when it is listed here. */

import { UnsupportedReading } from "../../transforms/unsupported.ts";
import { crown } from "./crown.ts";
import { crownIbp } from "./crown-ibp.ts";
import { fastLin } from "./fast-lin.ts";
import { ibp } from "./ibp.ts";
import type { Verifier } from "./types.ts";

/** Bounds cover the rounding of float32: of a file that rounds more coarsely, whatever computes them, they would be false. */
const inFloat32 = (verifier: Verifier): Verifier => ({
  ...verifier,
  prepare: async (network, runtime, options) => {
    if (network.half === undefined) return verifier.prepare(network, runtime, options);
    throw new UnsupportedReading(
      network.half,
      "bound",
      "the file computes in float16 from there on; export the model in float32 and certify that, or attack this one",
    );
  },
});

export const verifiers: readonly Verifier[] = [ibp, crownIbp, fastLin, crown].map(inFloat32);
