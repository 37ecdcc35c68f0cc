import type { Population } from "../methods/population/types.ts";

/** What a model must have in common with a population. */
export type ModelFacts = Omit<Population["task"], "architectureName" | "data"> & {
  /** Undefined without inputs. */
  readonly data: Population["task"]["data"] | undefined;
};

export type Match =
  | { readonly kind: "fits" }
  | { readonly kind: "other task" | "other architecture"; readonly reason: string };

/** Differences in brightness that samples of one data set do not show, in pixels of 0 to 1. */
const MOST_APART = 0.05;

/** Whether a model's scores may be compared with those of a population. */
export function matchReference({ task }: Population, model: ModelFacts): Match {
  const other = (reason: string): Match => ({ kind: "other task", reason });
  if (`${task.shape}` !== `${model.shape}`) {
    return other(`its inputs are [${task.shape}], the model's [${model.shape}].`);
  }
  if (task.classes !== model.classes) return other(`it has ${task.classes} classes, the model ${model.classes}.`);
  if (model.data && apart(task.data, model.data) > MOST_APART) {
    return other(`it was scanned with ${task.data.name}, which does not look like ${model.data.name}.`);
  }
  if (task.architecture !== model.architecture) {
    return {
      kind: "other architecture",
      reason: `its members are of another architecture (${task.architectureName}).`,
    };
  }
  return { kind: "fits" };
}

/** Largest difference of the mean, the spread, or the mean picture's blocks on average. */
function apart(a: Population["task"]["data"], b: Population["task"]["data"]): number {
  const blocks = a.coarse.map((value, i) => Math.abs(value - (b.coarse[i] ?? 0)));
  const coarse = blocks.reduce((sum, value) => sum + value, 0) / Math.max(1, blocks.length);
  return Math.max(Math.abs(a.mean - b.mean), Math.abs(a.std - b.std), coarse);
}
