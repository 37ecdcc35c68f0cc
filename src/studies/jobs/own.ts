/**
 * @file Methods that the calling program defines. Their functions cannot cross to another thread, so they run on this one;
 * what is listed, or comes from a module, is found by its name wherever it runs, and for it these are undefined.
 */

import { attackFamily } from "../../methods/attack/index.ts";
import type { Attack } from "../../methods/attack/types.ts";
import { backdoorFamily } from "../../methods/backdoor/index.ts";
import type { Detector } from "../../methods/backdoor/types.ts";
import { type Family, isListed } from "../../methods/family.ts";
import type { MethodDescription } from "../../methods/method.ts";
import type { Configurable } from "../../methods/options.ts";
import type { AttackRecord, BoundRecord } from "../../methods/records.ts";
import { verifyFamily } from "../../methods/verify/index.ts";
import type { Verifier } from "../../methods/verify/types.ts";
import type { OwnJob } from "../engine.ts";
import type { DetectSettings, PartResult } from "./detect.ts";
import type { AttackSettings, BoundSettings } from "./examine.ts";

const isFound = <M extends MethodDescription & Configurable<MethodDescription>>(
  family: Pick<Family<M>, "methods">,
  method: M,
): boolean => method.module !== undefined || isListed(family, method);

export const ownAttack = (method: Attack): OwnJob<AttackSettings, AttackRecord> =>
  isFound(attackFamily, method)
    ? undefined
    : async (input, host) => (await import("./examine.ts")).attackWith(method, input, host);

export const ownVerifier = (method: Verifier): OwnJob<BoundSettings, BoundRecord> =>
  isFound(verifyFamily, method)
    ? undefined
    : async (input, host) => (await import("./examine.ts")).boundWith(method, input, host);

export const ownDetector = (detector: Detector): OwnJob<DetectSettings, PartResult> =>
  isFound(backdoorFamily, detector)
    ? undefined
    : async (input, host) => (await import("./detect.ts")).detectWith(detector, input, host);
