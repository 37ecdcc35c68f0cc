/** @file Adversarial inputs as files of data, which Assay and other programs read: `--save-inputs`. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { labelOf, outputOf } from "../data/classes.ts";
import { toFloat32 } from "../formats/array.ts";
import { readNpz, writeNpz } from "../formats/npz.ts";
import { writePng } from "../formats/png.ts";
import { usage } from "../graph/fault.ts";
import { type SetTerms, withSets } from "../studies/boxes.ts";
import type { Examination } from "../studies/examination.ts";
import { threatOf } from "../studies/inputs.ts";
import type { NamedResult, ResultFile, SavedPlace, SavedState, VerdictCounts } from "../studies/result-schema.ts";
import { type Adversarial, pictureShape, type SavedForms, savedForms } from "../studies/saved-inputs.ts";
import { checkOutputFolder, writeWhole } from "./output.ts";

const PNG = "png";
const PNG_LOST = "png-lost";

/** Values in one NPZ file, 256 MiB as float32; what is more goes into further ones. */
const MOST_VALUES = 1 << 26;
/** Inputs that are read back at once. */
const TOGETHER = 32;

const npzName = (part: number): string => (part === 0 ? "inputs.npz" : `inputs-${part + 1}.npz`);

/**
 * Before anything is computed.
 * @throws UserError (usage) where the folder cannot be written, or has saved inputs: those of two runs would be mixed
 */
export function checkSaveFolder(folder: string | undefined): void {
  if (folder === undefined) return;
  const held = [npzName(0), PNG, PNG_LOST].find((name) => existsSync(join(folder, name)));
  if (held)
    throw usage(`--save-inputs ${folder}: it holds ${held} of an earlier run; remove it or name another folder`);
  checkOutputFolder(folder, "--save-inputs");
}

/** An adversarial input that is not read yet, and the numbers by which results and files name it. */
interface Found extends Omit<Adversarial, "witness"> {
  readonly index: number;
  /** As the data counts. */
  readonly label: number;
  readonly witness: Witness;
}

type Witness = NonNullable<NamedResult["witness"]>;

/**
 * Writes the witnesses of results as data, each once: the one of the smallest radius.
 * @returns the results with where their inputs are, and what those come to when they are read back
 */
export async function saveInputs(
  folder: string,
  files: readonly ResultFile[],
  opened: Examination,
  sets: SetTerms,
): Promise<readonly ResultFile[]> {
  const { examination } = await withSets(opened, sets);
  const { inputs } = examination;
  const found = foundIn(files, examination);
  const target = files[0]?.target ?? undefined;
  const output = target === undefined ? undefined : outputOf(inputs.naming, target);
  const valuesOf = witnessReader();
  const picture = pictureShape(inputs);
  const places = new Map<number, SavedPlace>();
  const { shape } = inputs.dataset;
  const size = shape.reduce((all, dim) => all * dim, 1);
  const inFile = Math.max(TOGETHER, Math.floor(MOST_VALUES / size));
  for (let from = 0, part = 0; from < found.length; from += inFile, part++) {
    const file = join(folder, npzName(part));
    const own = found.slice(from, from + inFile);
    const values = new Float32Array(own.length * size);
    for (let row = 0; row < own.length; row += TOGETHER) {
      const some = own.slice(row, row + TOGETHER);
      const read = some.map((one) => ({ ...one, witness: valuesOf(one.witness) }));
      const forms = await savedForms(examination, read, output);
      for (const [k, form] of forms.entries()) {
        values.set(form.exact.values, (row + k) * size);
        const { index } = some[k]!;
        const npz = { file, row: row + k, state: form.exact.state };
        places.set(index, { npz, png: writePicture(folder, some[k]!, form, picture) });
      }
    }
    writeWhole(file, npzOf(own, values, shape));
  }
  return files.map((one) => withPlaces(one, places, picture !== undefined));
}

function npzOf(own: readonly Found[], values: Float32Array, shape: readonly number[]): Uint8Array {
  const ints = (of: (found: Found) => number) =>
    ({ dtype: "i4", shape: [own.length], data: Int32Array.from(own, of) }) as const;
  return writeNpz({
    images: { dtype: "f4", shape: [own.length, ...shape], data: values },
    labels: ints(({ label }) => label),
    indices: ints(({ index }) => index),
  });
}

function writePicture(
  folder: string,
  { index, label }: Found,
  { rounded }: SavedForms,
  shape: readonly number[] | undefined,
): SavedPlace["png"] {
  if (!rounded || !shape) return null;
  const [channels, height, width] = shape as [1 | 3, number, number];
  const kept = rounded.state === "adversarial" ? PNG : PNG_LOST;
  const file = join(folder, kept, `${label}`, `${`${index}`.padStart(6, "0")}.png`);
  checkOutputFolder(join(folder, kept, `${label}`), "--save-inputs");
  writeWhole(file, writePng({ channels, height, width, data: rounded.values }));
  return { file, state: rounded.state };
}

/** Each input once: in the file of the radius within which it fell. */
function foundIn(files: readonly ResultFile[], { chunk, inputs }: Examination): Found[] {
  const positions = new Map(Array.from(chunk.indices, (index, position) => [index, position]));
  const found = new Map<number, Found>();
  for (const { results, norm, epsilon } of files) {
    for (const { index, output, witness, foundAt } of results) {
      if (!witness || found.has(index)) continue;
      found.set(index, {
        index,
        label: labelOf(inputs.naming, output),
        position: positions.get(index)!,
        witness,
        threat: norm === null ? BOXED : threatOf(inputs, norm, foundAt ?? epsilon!),
      });
    }
  }
  return [...found.values()].sort((a, b) => a.index - b.index);
}

/** The set of each input stands with it. */
const BOXED = { norm: "linf", epsilon: Number.POSITIVE_INFINITY, domain: undefined } as const;

/** Witnesses of one file come one after another. */
function witnessReader(): (witness: Witness) => Float32Array {
  let last: { readonly file: string; readonly images: Float32Array; readonly size: number } | undefined;
  return (witness) => {
    if (!("file" in witness)) return Float32Array.from(witness);
    if (last?.file !== witness.file) {
      const images = readNpz(readFileSync(witness.file)).get("images")!;
      last = { file: witness.file, images: toFloat32(images), size: images.data.length / images.shape[0]! };
    }
    return last.images.slice(witness.index * last.size, (witness.index + 1) * last.size);
  };
}

const STATES = { adversarial: "adversarial", "not-adversarial": "notAdversarial", outside: "outside" } as const;

const countStates = (states: readonly SavedState[]) => {
  const counts = { adversarial: 0, notAdversarial: 0, outside: 0 };
  for (const state of states) counts[STATES[state]]++;
  return counts;
};

function withPlaces(file: ResultFile, places: ReadonlyMap<number, SavedPlace>, pictures: boolean): ResultFile {
  const results = file.results.map((result) => {
    const saved = result.witness && places.get(result.index);
    return saved ? { ...result, saved } : result;
  });
  const own = results.flatMap((result) => ("saved" in result && result.saved ? [result.saved] : []));
  const saved: VerdictCounts["saved"] = {
    npz: countStates(own.map(({ npz }) => npz.state)),
    png: pictures ? countStates(own.flatMap(({ png }) => (png ? [png.state] : []))) : null,
  };
  return { ...file, results, counts: { ...file.counts, saved } };
}
