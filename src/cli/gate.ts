/** @file The gate that the options of an audit state. */

import { z } from "zod";
import { usage } from "../graph/fault.ts";
import { readJson } from "../local/read-json.ts";
import { type Gate, QUESTIONS } from "../studies/audit/codes.ts";
import { PROFILES } from "../studies/audit/gate.ts";
import type { Options } from "./options.ts";

export type GateOptions = Options<"profile" | "gateFile" | "minAccuracy" | "gate" | "maxPatch">;

const share = z.number().min(0).max(1);
const gateFile = z.strictObject({
  name: z.string().min(1).optional(),
  decides: z.array(z.enum(QUESTIONS)).min(1).optional(),
  minAccuracy: share.optional(),
  minRobust: share.optional(),
  maxPatch: share.optional(),
});

/** A profile or a file, and what is stated beside it. @throws UserError (usage) naming the file and the place */
export function gateOf({ profile, gateFile: file, gate: minRobust, minAccuracy, maxPatch }: GateOptions): Gate {
  if (profile !== undefined && file !== undefined)
    throw usage("--profile and --gate-file both say what the gate is; leave one out");
  const base = file === undefined ? PROFILES[profile ?? "default"] : readGate(file);
  const gate = withStated(base, { minRobust, minAccuracy, maxPatch });
  return minRobust === undefined || gate.decides.includes("robustness")
    ? gate
    : { ...gate, decides: [...gate.decides, "robustness"] };
}

type Thresholds = { readonly [K in "minAccuracy" | "minRobust" | "maxPatch"]?: number | undefined };

const withStated = (base: Gate, { minAccuracy, minRobust, maxPatch }: Thresholds): Gate => ({
  ...base,
  accuracy: minAccuracy ?? base.accuracy,
  robust: minRobust ?? base.robust,
  patch: maxPatch ?? base.patch,
});

function readGate(path: string): Gate {
  const { data, error } = gateFile.safeParse(readJson(path, "the gate file"));
  if (!data) {
    const [{ path: place, message }] = error.issues as [z.core.$ZodIssue];
    throw usage(
      `the gate file ${path}: ${place.join(".") || "top level"}: ${message}; it may hold name, decides (of ${QUESTIONS.join(", ")}), minAccuracy, minRobust and maxPatch`,
    );
  }
  const { name = path.replace(/^.*[\\/]/, ""), decides = PROFILES.default.decides, ...thresholds } = data;
  return withStated({ ...PROFILES.default, name, decides }, thresholds);
}
