/**
 * @file Methods that the calling program defines. Their functions cannot cross to another thread, so they run on this one;
 * what is listed is found by its name wherever it runs, and for it these are undefined.
 */

import { attackFamily } from "../../methods/attack/index.ts";
import type { Attack } from "../../methods/attack/types.ts";
import { backdoorFamily } from "../../methods/backdoor/index.ts";
import type { Detector } from "../../methods/backdoor/types.ts";
import { isListed } from "../../methods/family.ts";
import type { AttackRecord, BoundRecord } from "../../methods/records.ts";
import { verifyFamily } from "../../methods/verify/index.ts";
import type { Verifier } from "../../methods/verify/types.ts";
import type { OwnJob } from "../engine.ts";
import type { DetectSettings, PartResult } from "./detect.ts";
import type { AttackSettings, BoundSettings } from "./examine.ts";

export const ownAttack = (method: Attack): OwnJob<AttackSettings, AttackRecord> =>
  isListed(attackFamily, method)
    ? undefined
    : async (input, host) => (await import("./examine.ts")).attackWith(method, input, host);

export const ownVerifier = (method: Verifier): OwnJob<BoundSettings, BoundRecord> =>
  isListed(verifyFamily, method)
    ? undefined
    : async (input, host) => (await import("./examine.ts")).boundWith(method, input, host);

export const ownDetector = (detector: Detector): OwnJob<DetectSettings, PartResult> =>
  isListed(backdoorFamily, detector)
    ? undefined
    : async (input, host) => (await import("./detect.ts")).detectWith(detector, input, host);
