/** @file `--box FILE`: the ends of every input's set, out of an NPZ or, for tables, a CSV of two rows. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { readCsv } from "../formats/csv.ts";
import { FormatError } from "../formats/error.ts";
import { isZip, readNpz } from "../formats/npz.ts";
import { unsupportedInput, usage } from "../graph/fault.ts";
import type { GivenBox } from "../studies/boxes.ts";
import { systemReason } from "./system.ts";

/** @throws UserError naming the file */
export function readBox(path: string): GivenBox {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw usage(`--box ${path} cannot be read: ${systemReason(error)}`, error);
  }
  const facts = { name: basename(path), sha256: createHash("sha256").update(bytes).digest("hex") };
  try {
    return { ...facts, ...(isZip(bytes) ? endsOfArrays(bytes) : endsOfTable(bytes)) };
  } catch (error) {
    if (error instanceof FormatError) throw unsupportedInput(`${path}: ${error.message}`, error);
    throw error;
  }
}

function endsOfArrays(bytes: Uint8Array): Pick<GivenBox, "lower" | "upper"> {
  const arrays = readNpz(bytes);
  const [lower, upper] = [arrays.get("lower"), arrays.get("upper")];
  if (lower && upper) return { lower, upper };
  throw new FormatError(
    "NPZ",
    `it needs arrays "lower" and "upper"; there are: ${[...arrays.keys()].join(", ") || "none"}.`,
  );
}

function endsOfTable(bytes: Uint8Array): Pick<GivenBox, "lower" | "upper" | "columns"> {
  const { values, rows, features, columns } = readCsv(bytes, { label: "none" });
  if (rows !== 2)
    throw new FormatError("CSV", `a box is two rows, the lower ends and the upper ones; there are ${rows}.`);
  const row = (k: number) => ({
    dtype: "f4" as const,
    shape: [features],
    data: values.slice(k * features, (k + 1) * features),
  });
  return { lower: row(0), upper: row(1), ...(columns && { columns }) };
}
