/** @file The alarm that no run may pass by: an input that is proved safe and broken at once. */

import { resolve } from "node:path";
import { UserError } from "../graph/fault.ts";
import type { Contradiction } from "../methods/audit/types.ts";
import type { Norm } from "../spec/types.ts";
import { floats } from "./floats.ts";
import { writeWhole } from "./output.ts";
import type { ExaminationSession } from "./session.ts";

/**
 * Saves both pieces of evidence in the current folder.
 * @throws UserError: always
 */
export function raiseAlarm(
  path: string,
  { chunk, model, seed, inputs }: Pick<ExaminationSession, "chunk" | "model" | "seed" | "inputs">,
  norm: Norm,
  conflicts: readonly Contradiction[],
): never {
  const size = chunk.images.length / chunk.labels.length;
  const evidence = {
    model: { path, sha256: model.sha256 },
    norm,
    domain: inputs.domain ?? null,
    seed,
    contradictions: conflicts.map(({ position, proof, found: { method, epsilon, record } }) => ({
      index: chunk.indices[position]!,
      label: chunk.labels[position]!,
      input: floats(chunk.images.subarray(position * size, (position + 1) * size)),
      proof,
      attack: {
        method,
        epsilon,
        distance: record.distance,
        margin: record.margin,
        predicted: record.predicted,
        witness: floats(record.witness),
      },
    })),
  };
  const file = resolve(`assay-soundness-alarm-${model.sha256.slice(0, 12)}.json`);
  writeWhole(file, `${JSON.stringify(evidence, null, 1)}\n`);
  throw new UserError(
    "stopped",
    `soundness alarm: ${conflicts.length} inputs are proved and broken at once, the first is input ${evidence.contradictions[0]!.index}; both pieces of evidence are in ${file}; please report it`,
  );
}
