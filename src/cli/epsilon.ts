import { usage } from "../graph/fault.ts";
import { readBox } from "../local/box-file.ts";
import type { GivenBox, SetTerms } from "../studies/boxes.ts";
import { boxesFor } from "../studies/boxes.ts";
import type { Inputs } from "../studies/inputs.ts";
import type { Bisection } from "../studies/sweep.ts";
import type { Options } from "./options.ts";

/** One unit where each feature has an epsilon of its own. @throws UserError (usage) where none is stated */
function requiredEpsilon({ epsilon, featureEpsilon }: Options<"epsilon" | "featureEpsilon">): number {
  if (epsilon === undefined && featureEpsilon) return 1;
  if (epsilon === undefined)
    throw usage(
      "say with --epsilon how large a change may be, such as 0.1 or 8/255, or with --box which file has the sets",
    );
  return epsilon;
}

type SetOptions = Options<
  "epsilon" | "featureEpsilon" | "epsilonUnit" | "fixed" | "norm" | "box" | "channels" | "resize" | "crop"
>;

/** What says otherwise what the sets are, or makes values of the data that a box has no ends for. */
const AGAINST_BOX = {
  epsilon: "--epsilon",
  norm: "--norm",
  featureEpsilon: "--feature-epsilon",
  epsilonUnit: "--epsilon-unit",
  fixed: "--fixed",
  channels: "--channels",
  resize: "--resize",
  crop: "--crop",
} as const satisfies Partial<Record<keyof SetOptions, string>>;

/** The sets that the options ask about. @throws UserError, also where a box and something against it are stated */
export function setTerms(options: SetOptions): SetTerms {
  if (options.box === undefined) return { norm: options.norm, epsilon: requiredEpsilon(options) };
  const other = (Object.keys(AGAINST_BOX) as (keyof typeof AGAINST_BOX)[]).find((key) => options[key] !== undefined);
  if (other) throw usage(`--box gives the sets end by end, as the data stands; leave out ${AGAINST_BOX[other]}`);
  return { box: readBox(options.box) };
}

/** The same of several radii: the sets of the first, and the radius of each; undefined for a box. */
export function setsOf({
  radii,
  ...options
}: Options<"radii"> & Omit<SetOptions, "epsilon">): readonly [SetTerms, readonly (number | undefined)[]] {
  const first = setTerms({ ...options, ...(radii && { epsilon: radii[0]! }) });
  return [first, radii ?? [first.epsilon]];
}

/** How closely the smallest radii are looked for, where they are. @throws UserError (usage) where there is not one largest radius */
export function bisectionOf({
  minimal,
  bisections,
  tolerance,
  radii,
  box,
}: Options<"minimal" | "bisections" | "tolerance" | "radii" | "box">): Bisection | undefined {
  if (!minimal) {
    if (bisections !== undefined || tolerance !== undefined)
      throw usage("--bisections and --tolerance say how closely --minimal looks; add it");
    return undefined;
  }
  if (box !== undefined || (radii && radii.length > 1))
    throw usage("--minimal looks for the smallest radius up to one --epsilon; state that one");
  return { bisections: bisections ?? 8, tolerance: tolerance ?? 0 };
}

/** The data keeps its own units, and a box that does not fit is refused before anything is computed. */
export const checkBox = (box: GivenBox | undefined) =>
  box ? { unit: { box: box.name }, check: async (inputs: Inputs) => void (await boxesFor(inputs, box)) } : {};
