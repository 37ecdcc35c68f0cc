/** @file From names on the command line to methods of the table. */

import { usage } from "../graph/fault.ts";
import { detectors } from "../methods/backdoor/index.ts";
import type { Detector } from "../methods/backdoor/types.ts";
import { type MethodEntry, methods } from "../methods/index.ts";
import type { Norm } from "../spec/types.ts";
import { didYouMean } from "./suggest.ts";

type Family = MethodEntry["family"];
/** Families whose methods are about a ball around an input. */
type BallFamily = Exclude<Family, "backdoor">;

const VERB = { attack: "attack", verify: "certify", backdoor: "backdoor" } as const satisfies Readonly<
  Record<Family, string>
>;

/** A line that runs the method. */
export function useOf({ family, method }: MethodEntry): string {
  if (family !== "backdoor") return `assay ${VERB[family]} MODEL --data DATA --epsilon 0.1 --method ${method.id}`;
  const training = method.needs === "training data" ? " --training DATA" : "";
  return `assay backdoor MODEL --data DATA${training} --detector ${method.id}`;
}

/**
 * @param family the one that is asked for: only its names are suggested
 * @throws UserError (usage) for a name that is not listed
 */
export function findMethod(name: string, family?: Family): MethodEntry {
  const wanted = name.trim().toLowerCase();
  const found = methods.find(({ method }) => method.id === wanted);
  if (found) return found;
  const own = methods.filter((entry) => family === undefined || entry.family === family);
  const names = own.map(({ method }) => method.id);
  throw usage(
    `no ${family === "backdoor" ? "detector" : "method"} "${name}".${didYouMean(wanted, names)} There are ${names.join(", ")}.`,
  );
}

/** Methods of one family that work in a norm, in the order of the table. @throws UserError (usage) */
export function chooseMethods<F extends BallFamily>(
  family: F,
  names: readonly string[],
  norm: Norm,
): Extract<MethodEntry, { family: F }>["method"][] {
  const chosen = names.map((name) => findMethod(name, family));
  for (const entry of chosen) {
    if (entry.family !== family) throw otherVerb(entry);
    if (!entry.method.norms.includes(norm)) {
      throw usage(`${entry.method.id} does not work in ${norm}; it does in ${entry.method.norms.join(", ")}`);
    }
  }
  return methods.filter((entry) => chosen.includes(entry)).map(({ method }) => method) as never;
}

/** `all`, or detectors by name; each once, in the order of the table. @throws UserError (usage) */
export function chooseDetectors(names: readonly string[]): readonly Detector[] {
  if (names.some((name) => name.trim().toLowerCase() === "all")) return detectors;
  const chosen = new Set(
    names.map((name) => {
      const entry = findMethod(name, "backdoor");
      if (entry.family !== "backdoor") throw otherVerb(entry);
      return entry.method;
    }),
  );
  return detectors.filter((detector) => chosen.has(detector));
}

const otherVerb = ({ family, method }: MethodEntry): Error =>
  usage(`${method.id} is for another verb; use it with: assay ${VERB[family]}`);
