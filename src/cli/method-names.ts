/** @file From names on the command line to methods of the tables, with what was stated of their options. */

import { usage } from "../graph/fault.ts";
import { didYouMean } from "../graph/suggest.ts";
import type { Detector } from "../methods/backdoor/types.ts";
import { type Family, withOwn } from "../methods/family.ts";
import type { MethodEntry } from "../methods/index.ts";
import type { BallMethod, MethodDescription } from "../methods/method.ts";
import { type MethodChoice, readSetting } from "../methods/method-choice.ts";
import { type Configurable, parseOptions } from "../methods/options.ts";
import type { Norm } from "../spec/types.ts";

const idOf = (name: string): string => name.trim().toLowerCase();

/** Loaded where a name is of no family at hand: a verb loads its own methods only. */
const allMethods = async (): Promise<readonly MethodEntry[]> => (await import("../methods/index.ts")).methods;

/** All methods of that name: families may each have one. @throws UserError (usage) for a name that is not listed */
export async function findMethods(name: string): Promise<readonly MethodEntry[]> {
  const methods = await allMethods();
  const found = methods.filter(({ method }) => method.id === idOf(name));
  if (found.length > 0) return found;
  throw unknownName("method", name, [...new Set(methods.map(({ method }) => method.id))]);
}

const unknownName = (noun: string, name: string, names: readonly string[]): Error =>
  usage(`no ${noun} "${name}".${didYouMean(name.trim(), names)} There are ${names.join(", ")}.`);

export const isOf = ({ methods }: Pick<Family<MethodDescription>, "methods">, { name }: MethodChoice): boolean =>
  methods.some(({ id }) => id === idOf(name));

/** A family's own method of that name. @throws UserError (usage): no such name, or another family's */
async function ownMethod<M extends MethodDescription>({ noun, methods: own }: Family<M>, name: string): Promise<M> {
  const found = own.find(({ id }) => id === idOf(name));
  if (found) return found;
  const other = (await allMethods()).find(({ method }) => method.id === idOf(name));
  if (other) throw usage(`${idOf(name)} is for another verb; use it with: assay ${other.family.verb}`);
  throw unknownName(
    noun,
    name,
    own.map(({ id }) => id),
  );
}

/** Methods of one family with their options, each once, in the order of the table. @throws UserError (usage) */
async function choose<M extends MethodDescription & Configurable<M>>(
  family: Family<M>,
  choices: readonly MethodChoice[],
): Promise<M[]> {
  const chosen = new Map<string, M>();
  for (const { name, options } of choices) {
    const method = await ownMethod(family, name);
    const stated = Object.keys(options).length > 0 ? await parseOptions(method, options, readSetting) : {};
    const before = chosen.get(method.id);
    if (before && JSON.stringify(before.stated) !== JSON.stringify(stated)) {
      throw usage(`${method.id} is named twice with other options; it can run once`);
    }
    chosen.set(method.id, method.with(stated));
  }
  return family.methods.flatMap(({ id }) => chosen.get(id) ?? []);
}

/** Of one family: the methods of modules, and what runs where none is named. */
export interface Defaults<M> {
  readonly own: readonly M[];
  readonly standard: readonly M[];
}

/**
 * Methods of one family that work in a norm: those that are named, or else what runs by default and one's own.
 * @throws UserError (usage)
 */
export async function chooseMethods<M extends BallMethod & Configurable<M>>(
  family: Family<M>,
  choices: readonly MethodChoice[] = [],
  norm: Norm = "linf",
  { own, standard }: Defaults<M> = { own: [], standard: [] },
): Promise<readonly M[]> {
  const chosen = choices.length > 0 ? await choose(withOwn(family, own), choices) : own;
  for (const { id, norms } of chosen) {
    if (!norms.includes(norm)) throw usage(`${id} does not work in ${norm}; it does in ${norms.join(", ")}`);
  }
  return choices.length > 0 ? chosen : [...standard, ...own];
}

/** @throws UserError (usage) where modules have no method for a verb: it would not take part */
export function checkOwn(
  paths: readonly string[] | undefined,
  { noun }: { readonly noun: string },
  own: readonly unknown[],
): void {
  if (paths && own.length === 0)
    throw usage(`--plugin ${paths.join(" ")}: there is no ${noun} in it; use it with another verb, or assay audit`);
}

/** Detectors by name, or `all` for those that are not named otherwise. @throws UserError (usage) */
export async function chooseDetectors(
  listed: Family<Detector>,
  choices: readonly MethodChoice[],
  own: readonly Detector[] = [],
): Promise<readonly Detector[]> {
  const family = withOwn(listed, own);
  const isAll = ({ name }: MethodChoice) => idOf(name) === "all";
  const chosen = await choose(
    family,
    choices.filter((choice) => !isAll(choice)),
  );
  if (!choices.some(isAll)) return chosen;
  return family.methods.map((detector) => chosen.find(({ id }) => id === detector.id) ?? detector);
}
