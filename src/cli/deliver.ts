/** @file Results on their way out: printed, written, held against a gate. */

import { UserError } from "../graph/fault.ts";
import { jsonPieces } from "../local/json-pieces.ts";
import { checkOutputFile, writeWhole } from "../local/output.ts";
import { systemReason } from "../local/system.ts";
import type { AttackRecord } from "../methods/records.ts";
import { plural } from "../report/format.ts";
import type { ResultFile } from "../studies/result-schema.ts";
import { EXIT, type ExitCode } from "./errors.ts";
import type { Io } from "./io.ts";

/** What attacks met on the way, in words. */
export function attackRemarks(records: readonly AttackRecord[]): string[] {
  const flat = records.filter(({ zeroGradient }) => zeroGradient).length;
  const lost = records.filter(({ notANumber }) => notANumber).length;
  return [
    ...(flat > 0
      ? [`the gradient was exactly 0 for ${plural(flat, "input")}; searched without gradients instead`]
      : []),
    ...(lost > 0 ? [`${plural(lost, "witness", "witnesses")} whose answer is not a number: it counts as wrong`] : []),
  ];
}

interface Outputs {
  readonly out?: string | undefined;
  readonly csv?: string | undefined;
}

/** Before anything is computed. @throws UserError (usage) where results could not be written */
export function checkOutputs({ out, csv }: Outputs): void {
  if (out !== undefined) checkOutputFile(out);
  if (csv !== undefined) checkOutputFile(csv, "--csv");
}

/** Writes the table of results, where one is asked for. */
export async function deliverTable(files: readonly ResultFile[], { csv }: Outputs): Promise<void> {
  if (csv === undefined) return;
  const { resultsCsv } = await import("../report/results-csv.ts");
  writeWhole(csv, resultsCsv(files));
}

/** Prints and writes results as the options ask. */
export async function deliver(
  file: object,
  { json = false, out }: { readonly json?: boolean | undefined; readonly out?: string | undefined },
  summary: readonly string[],
  io: Io,
): Promise<void> {
  if (out !== undefined) {
    checkOutputFile(out);
    writeWhole(out, jsonPieces(file));
  }
  try {
    for (const piece of json ? jsonPieces(file) : [`${summary.join("\n")}\n`]) await io.print(piece);
  } catch (error) {
    throw new UserError("stopped", `standard output cannot be written: ${systemReason(error)}`, { cause: error });
  }
}

/** Which side of the gate the share of inputs that stay correct lies on; both ends are counts, of all inputs. */
export function gateCode(
  gate: number | undefined,
  { least, most, inputs }: { readonly least: number; readonly most: number; readonly inputs: number },
): ExitCode {
  if (gate === undefined || least >= gate * inputs) return EXIT.passed;
  return most < gate * inputs ? EXIT.failed : EXIT.undecided;
}
