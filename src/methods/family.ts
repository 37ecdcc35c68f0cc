/** @file What a family of methods is: a verb, what its methods answer, and what tables and pages say of each of them. */

import type * as zod from "zod";
import { usage } from "../graph/fault.ts";
import type { MethodDescription } from "./method.ts";
import { type Configurable, checkStated, type Zod } from "./options.ts";

/** A fact of a method with its name. */
export type Fact = readonly [name: string, text: string];

/** @typeParam M forgotten by the table of families: a family is asked about its own methods only */
export interface Family<M extends MethodDescription = never> {
  /** Names the family in results and pages. */
  readonly id: string;
  /** What runs its methods on the command line. */
  readonly verb: string;
  /** What one of its methods is called. */
  readonly noun: string;
  /** What its methods answer, for people; without a full stop. */
  readonly about: string;
  readonly methods: readonly M[];
  /** What runs where none is named. */
  readonly standard: readonly M[];
  /** The options of a method, each with its default and its meaning. */
  readonly schema: (method: M, z: Zod) => zod.ZodObject;
  /** The command line that runs a method. */
  readonly use: (method: M) => string;
  /** Folder of its methods' pages below docs/, or the one page that has them all. */
  readonly pages: string;
  /** The file below src/methods that has them all, where they are no more than rows; else each has its own. */
  readonly home?: string;
  /** What a table of its methods says of each beside name, title and summary. */
  readonly scope: { readonly name: string; readonly of: (method: M) => string };
  /** What `assay methods --explain` says of a method alone. */
  readonly facts: (method: M) => readonly Fact[];
  /** What the head of its page says of it alone; the same facts where it is absent. */
  readonly rows?: (method: M) => readonly Fact[];
  /** The same as plain data. */
  readonly plain: (method: M) => Readonly<Record<string, unknown>>;
}

/** A family whose methods' type the table forgets. */
export type AnyFamily = Family<MethodDescription>;

export const defineFamily = <M extends MethodDescription>(family: Family<M>): Family<M> => family;

/** A method of a list by its id. @throws Error for a name that is not listed; user input is checked before */
export function byId<M extends MethodDescription>(
  { noun, methods }: Pick<Family<M>, "noun" | "methods">,
  id: string,
): M {
  const found = methods.find((method) => method.id === id);
  if (!found) throw new Error(`no ${noun} "${id}"`);
  return found;
}

type Defined = MethodDescription & Configurable<MethodDescription>;

/** Whether a method is one of the family's own, with whatever options; else the program that calls has defined it. */
export const isListed = <M extends Defined>({ methods }: Pick<Family<M>, "methods">, method: M): boolean =>
  methods.some(({ definition }) => definition === method.definition);

/**
 * Methods that a program gives: their options, and that a name stands for one method, since results are kept by names.
 * @throws UserError (usage)
 */
export async function checkMethods<M extends Defined>(
  { noun, methods: listed }: Pick<Family<M>, "noun" | "methods">,
  methods: readonly M[],
): Promise<void> {
  for (const [k, { id, definition }] of methods.entries()) {
    const other = [...listed, ...methods.slice(0, k)].find((one) => one.id === id && one.definition !== definition);
    if (other) throw usage(`"${id}" is already the name of a ${noun}, ${other.title}; give your own another id`);
  }
  await checkStated(methods);
}

/** The family as somebody knows it who has methods of his own, too. */
export const withOwn = <M extends MethodDescription>(family: Family<M>, own: readonly M[]): Family<M> =>
  own.length === 0 ? family : { ...family, methods: [...family.methods, ...own] };

/** Methods that were stated, or else run by default, and one's own after them. @returns undefined where the default stands */
export const besideOwn = <M>(
  stated: readonly M[] | undefined,
  standard: readonly M[],
  own: readonly M[],
): readonly M[] | undefined => (own.length === 0 ? stated : [...(stated ?? standard), ...own]);
