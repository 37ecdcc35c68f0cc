/**
 * @file Witnesses of attacks: a few small ones stay with their results, all others go into files as they come, so that no
 * number of them fills the memory or a string.
 */

import { join } from "node:path";
import { labelOf } from "../data/classes.ts";
import { writeNpz } from "../formats/npz.ts";
import { floats } from "../studies/floats.ts";
import { type Inputs, inDataUnits } from "../studies/inputs.ts";
import type { Extent, MakeWitnesses, Witnesses, WitnessPlace } from "../studies/witnesses.ts";
import { checkOutputFolder, writeWhole } from "./output.ts";

interface Witness {
  /** Place in the data set. */
  readonly index: number;
  /** Of the model's outputs. */
  readonly label: number;
  readonly witness: Float32Array;
}

/** All witnesses that could be found are at most so many values: a mebibyte as float32. */
const INLINE_VALUES = 1 << 18;

export interface WitnessOptions {
  /** `--witnesses` */
  readonly witnesses?: string | undefined;
  /** Whose witnesses are read again when the inputs are saved: they may not be lost. */
  readonly saveInputs?: string | undefined;
  readonly out?: string | undefined;
}

const folderBeside = (out: string): string => `${out.replace(/\.json$/i, "")}-witnesses`;

/** For a study of these inputs. */
export const makeWitnesses =
  (options: WitnessOptions, inputs: Pick<Inputs, "naming" | "factor">): MakeWitnesses =>
  (extent, whole) =>
    createWitnesses(options, inputs, extent, whole);

/**
 * @param whole inputs, by place in the data set, whose witness is needed afterwards
 * @throws UserError (usage) where the folder cannot be written
 */
export function createWitnesses(
  { witnesses, saveInputs, out }: WitnessOptions,
  inputs: Pick<Inputs, "naming" | "factor">,
  { attacked, size, shape }: Extent,
  whole: (index: number) => boolean = () => false,
): Witnesses {
  const known =
    shape.every((dim) => typeof dim === "number") && shape.reduce<number>((a, b) => a * Number(b), 1) === size;
  const own: readonly number[] = known ? (shape as readonly number[]) : [size];
  const inline = witnesses === undefined && attacked * size <= INLINE_VALUES;
  const beside = out === undefined ? saveInputs && join(saveInputs, "witnesses") : folderBeside(out);
  const folder = inline ? undefined : (witnesses ?? beside);
  if (folder !== undefined) checkOutputFolder(folder);
  const places = new Map<number, WitnessPlace>();
  let dropped = 0;

  function write(method: string, found: readonly Witness[]): void {
    const file = join(folder!, `${method}-${`${found[0]!.index}`.padStart(6, "0")}.npz`);
    const data = new Float32Array(found.length * size);
    for (const [row, { index, witness }] of found.entries()) {
      data.set(inputs.factor ? inDataUnits(inputs as Inputs, witness) : witness, row * size);
      places.set(index, { file, index: row });
    }
    const ofInputs = (values: (own: Witness) => number) => ({
      dtype: "i4" as const,
      shape: [found.length],
      data: Int32Array.from(found, values),
    });
    writeWhole(
      file,
      writeNpz({
        images: { dtype: "f4", shape: [found.length, ...own], data },
        labels: ofInputs(({ label }) => labelOf(inputs.naming, label)),
        indices: ofInputs(({ index }) => index),
      }),
    );
  }

  return {
    receive: (method) => (answers, chunk) => {
      const found = answers.flatMap((answer, k): Witness[] => {
        const witness = answer.kind === "done" ? answer.record.witness : undefined;
        return witness ? [{ index: chunk.indices[k]!, label: chunk.labels[k]!, witness }] : [];
      });
      if (inline || found.length === 0) return answers;
      if (folder === undefined) dropped += found.length;
      else write(method, found);
      return answers.map((answer, k) =>
        answer.kind !== "done" || whole(chunk.indices[k]!)
          ? answer
          : { ...answer, record: { ...answer.record, witness: undefined } },
      );
    },
    of(index, witness, label) {
      const known = places.get(index);
      if (known || !witness) return known;
      if (inline) return floats(witness);
      // a point that was drawn beside a proof, and not found by an attack
      if (folder === undefined) dropped++;
      else write("point", [{ index, label, witness }]);
      return places.get(index);
    },
    lost: () =>
      dropped === 0
        ? undefined
        : `${dropped} witnesses were found and are too large for the results: name a folder for them with --witnesses`,
  };
}
