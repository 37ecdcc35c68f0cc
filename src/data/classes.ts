/** @file How the data calls the classes that the model counts from 0: the one place where an output becomes a label. */

export interface ClassNaming {
  /** The data's label of each output of the model, as the data writes it; undefined where they are the same. */
  readonly labels: readonly number[] | undefined;
  /** The data's name of each output; undefined where it has no names for all of them. */
  readonly names: readonly string[] | undefined;
}

export const PLAIN_CLASSES: ClassNaming = { labels: undefined, names: undefined };

/**
 * @param classOrder the label, counted from 0, that each output stands for
 * @param firstLabel what the data calls its first label
 * @param names by label, counted from 0
 */
export function classNaming({
  classes,
  classOrder,
  firstLabel = 0,
  names,
}: {
  readonly classes: number;
  readonly classOrder?: readonly number[] | undefined;
  readonly firstLabel?: number | undefined;
  readonly names?: readonly string[] | undefined;
}): ClassNaming {
  const order = classOrder ?? Array.from({ length: classes }, (_, k) => k);
  const named = order.map((label) => names?.[label]);
  return {
    labels: classOrder || firstLabel !== 0 ? order.map((label) => label + firstLabel) : undefined,
    names: order.length >= classes && named.every((name) => name !== undefined) ? named : undefined,
  };
}

/** The data's label of an output. */
export const labelOf = ({ labels }: ClassNaming, output: number): number => labels?.[output] ?? output;

/** "fox", or "class 3" by the data's label. */
export const classText = (naming: ClassNaming, output: number): string =>
  naming.names?.[output] ?? `class ${labelOf(naming, output)}`;

/** The output that stands for a label of the data; −1 where none does. */
export const outputOf = ({ labels }: ClassNaming, label: number): number => (labels ? labels.indexOf(label) : label);

/** Names in the order of the outputs for whoever shows them; none where outputs, labels and names are all the same. */
export const namesToShow = ({ labels, names }: ClassNaming): readonly string[] =>
  names ?? labels?.map((label) => `class ${label}`) ?? [];

/** A sentence that calls classes by the model's outputs, "class 3", with what they are called by those who read it. */
export const sayingClasses = (sentence: string, say: (output: number) => string): string =>
  sentence.replaceAll(/\bclass (\d+)\b/g, (_, output: string) => say(Number(output)));

/**
 * Which label each output stands for, where the model file names its classes and the data has no label but these; what the
 * file then calls classes that are missing in the data comes after the data's own names.
 *
 * @param keys the file's names of its outputs, in their order: numbers as they are written, or words
 * @param names of the data's labels, counted from 0, where it has words
 * @returns undefined where file and data do not name the same, or count from 0 alike
 */
export function orderByKeys(
  keys: readonly string[],
  {
    labels,
    names,
    firstLabel = 0,
  }: {
    readonly labels: Int32Array | undefined;
    readonly names: readonly string[] | undefined;
    readonly firstLabel?: number | undefined;
  },
): { readonly order: readonly number[]; readonly names: readonly string[] | undefined } | undefined {
  if (new Set(keys).size !== keys.length || labels === undefined) return undefined;
  const all = names && [...names, ...keys.filter((key) => !names.includes(key))];
  if (names && all!.length !== keys.length) return undefined;
  const order = keys.map((key) => (all ? all.indexOf(key) : Number(key) - firstLabel));
  const known = new Set(order);
  if (order.every((label, k) => label === k) || !order.every(Number.isSafeInteger)) return undefined;
  return labels.every((label) => known.has(label)) ? { order, names: all } : undefined;
}
