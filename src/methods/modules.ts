/** @file Methods in a module of one's own: what it exports, and what is wrong with what looks like a method and is none. */

import { usage } from "../graph/fault.ts";
import type { Exports, ModuleFile } from "../runtime/jobs.ts";
import type { Attack } from "./attack/types.ts";
import type { Detector } from "./backdoor/types.ts";
import { byId, type Family } from "./family.ts";
import type { MethodDescription } from "./method.ts";
import type { Configurable, FamilyId } from "./options.ts";
import type { Verifier } from "./verify/types.ts";

export interface OwnMethods {
  readonly attacks: readonly Attack[];
  readonly verifiers: readonly Verifier[];
  readonly detectors: readonly Detector[];
}

export const NO_METHODS: OwnMethods = { attacks: [], verifiers: [], detectors: [] };

interface AnyMethod extends MethodDescription, Configurable<AnyMethod> {}

const MAKERS: Readonly<Record<FamilyId, string>> = {
  attack: "defineAttack",
  verify: "defineVerifier",
  backdoor: "defineDetector",
};
const WAY = `export what ${Object.values(MAKERS)
  .join(", ")
  .replace(/, (?=[^,]*$)/, " or ")} makes`;

const isObject = (value: unknown): value is Exports => typeof value === "object" && value !== null;

/** What was meant as a method: helpers and constants beside the methods are nobody's concern. */
const isMeant = (value: unknown): value is Exports =>
  isObject(value) && (typeof value["prepare"] === "function" || typeof value["examine"] === "function");

const isMade = (value: Exports): boolean =>
  Object.hasOwn(MAKERS, String(value["family"])) && typeof value["within"] === "function";

/** Each export with its name; a list of methods is one export. */
const exported = (exports: Exports): [name: string, value: unknown][] =>
  Object.entries(exports).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((one, k): [string, unknown] => [`${name}[${k}]`, one]) : [[name, value]],
  );

/** What a method must say of itself, that no compiler has seen. */
const FACTS: readonly (readonly [key: string, holds: (value: unknown) => boolean, must: string])[] = [
  ["id", (id) => typeof id === "string" && /^[a-z][a-z0-9-]*$/.test(id), "small letters, digits and hyphens"],
  ["version", (version) => Number.isInteger(version) && (version as number) >= 1, "a whole number from 1"],
  ...["title", "summary", "source"].map(
    (key) => [key, (text: unknown) => typeof text === "string" && text !== "", "a text"] as const,
  ),
];
const NORMS: readonly unknown[] = ["linf", "l2", "l1"];

function checkFacts(method: Exports, place: string): void {
  const own = [
    ...FACTS,
    method["family"] === "backdoor"
      ? (["blindTo", (text: unknown) => typeof text === "string", "a text"] as const)
      : (["norms", isNorms, 'a list of "linf", "l2", "l1"'] as const),
  ];
  for (const [key, holds, must] of own)
    if (!holds(method[key])) throw usage(`${place}: its ${key} must be ${must}, and is ${JSON.stringify(method[key])}`);
}

const isNorms = (norms: unknown): boolean =>
  Array.isArray(norms) && norms.length > 0 && norms.every((norm) => NORMS.includes(norm));

/** @param name of the file, for messages @throws UserError (usage): one line with the file, the export and the way out */
export function methodsIn(exports: Exports, file: ModuleFile, name: string): OwnMethods {
  const found = new Map<object, AnyMethod>();
  for (const [key, value] of exported(exports)) {
    if (!isMeant(value)) continue;
    const place = `${name}, export ${key}`;
    if (!isMade(value)) throw usage(`${place}: it is no method as it stands; ${WAY}`);
    checkFacts(value, place);
    const method = value as unknown as AnyMethod;
    found.set(method.definition, method.within(file));
  }
  if (found.size === 0) throw usage(`${name}: it exports no method; ${WAY}`);
  const of = <M>(family: FamilyId) =>
    [...found.values()].filter((method) => method.family === family) as unknown as M[];
  return { attacks: of("attack"), verifiers: of("verify"), detectors: of("backdoor") };
}

/** A method where it runs: of the family's table, or of the module that it came from. */
export async function methodFrom<M extends MethodDescription>(
  family: Pick<Family<M>, "id" | "noun" | "methods">,
  { method, module }: { readonly method: string; readonly module?: ModuleFile | undefined },
  load: (file: ModuleFile) => Promise<Exports>,
): Promise<M> {
  if (!module) return byId(family, method);
  const all = exported(await load(module)).map(([, value]) => value);
  const found = all.find((one) => isMeant(one) && one["family"] === family.id && one["id"] === method);
  if (!found) throw usage(`${module.url}: it exports ${family.noun} "${method}" on one thread and not on another`);
  return found as M;
}
