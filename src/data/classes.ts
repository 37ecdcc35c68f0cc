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
