/** @file From names on the command line to methods of the tables. */

import { usage } from "../graph/fault.ts";
import { didYouMean } from "../graph/suggest.ts";
import type { Detector } from "../methods/backdoor/types.ts";
import type { Family } from "../methods/family.ts";
import { type MethodEntry, methods } from "../methods/index.ts";
import type { BallMethod, MethodDescription } from "../methods/method.ts";
import type { Norm } from "../spec/types.ts";

/** @throws UserError (usage) for a name that is not listed */
export function findMethod(name: string): MethodEntry {
  const wanted = name.trim().toLowerCase();
  const found = methods.find(({ method }) => method.id === wanted);
  if (found) return found;
  throw unknownName("method", name, [...new Set(methods.map(({ method }) => method.id))]);
}

const unknownName = (noun: string, name: string, names: readonly string[]): Error =>
  usage(`no ${noun} "${name}".${didYouMean(name.trim(), names)} There are ${names.join(", ")}.`);

/** A family's own method of that name. @throws UserError (usage): no such name, or another family's */
function ownMethod<M extends MethodDescription>({ noun, methods: own }: Family<M>, name: string): M {
  const wanted = name.trim().toLowerCase();
  const found = own.find(({ id }) => id === wanted);
  if (found) return found;
  const other = methods.find(({ method }) => method.id === wanted);
  if (other) throw usage(`${wanted} is for another verb; use it with: assay ${other.family.verb}`);
  const names = own.map(({ id }) => id);
  throw unknownName(noun, name, names);
}

/** Methods of one family that work in a norm, in the order of the table. @throws UserError (usage) */
export function chooseMethods<M extends BallMethod>(family: Family<M>, names: readonly string[], norm: Norm): M[] {
  const chosen = names.map((name) => ownMethod(family, name));
  for (const { id, norms } of chosen) {
    if (!norms.includes(norm)) throw usage(`${id} does not work in ${norm}; it does in ${norms.join(", ")}`);
  }
  return family.methods.filter((method) => chosen.includes(method));
}

/** `all`, or detectors by name; each once, in the order of the table. @throws UserError (usage) */
export function chooseDetectors(family: Family<Detector>, names: readonly string[]): readonly Detector[] {
  if (names.some((name) => name.trim().toLowerCase() === "all")) return family.methods;
  const chosen = names.map((name) => ownMethod(family, name));
  return family.methods.filter((detector) => chosen.includes(detector));
}
