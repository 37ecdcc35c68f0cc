/** @file From names on the command line to methods of the table. */

import { type MethodEntry, methods } from "../methods/index.ts";
import type { Norm } from "../methods/problem.ts";
import { usage } from "./errors.ts";
import { didYouMean } from "./suggest.ts";

const VERB = { attack: "attack", verify: "certify" } as const satisfies Readonly<Record<MethodEntry["family"], string>>;

/** @throws CliError (usage) for a name that is not listed */
export function findMethod(name: string): MethodEntry {
  const wanted = name.trim().toLowerCase();
  const found = methods.find(({ method }) => method.id === wanted);
  if (found) return found;
  const names = methods.map(({ method }) => method.id);
  throw usage(`no method "${name}".${didYouMean(wanted, names)} There are ${names.join(", ")}.`);
}

/** Methods of one family that work in a norm, in the order of the table. @throws CliError (usage) */
export function chooseMethods<F extends MethodEntry["family"]>(
  family: F,
  names: readonly string[],
  norm: Norm,
): Extract<MethodEntry, { family: F }>["method"][] {
  const chosen = names.map(findMethod);
  for (const entry of chosen) {
    if (entry.family !== family) {
      throw usage(`${entry.method.id} is for another verb; use it with: assay ${VERB[entry.family]}`);
    }
    if (!entry.method.norms.includes(norm)) {
      throw usage(`${entry.method.id} does not work in ${norm}; it does in ${entry.method.norms.join(", ")}`);
    }
  }
  return methods.filter((entry) => chosen.includes(entry)).map(({ method }) => method) as never;
}
