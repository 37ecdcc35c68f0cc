import { readFileSync } from "node:fs";
import { usage } from "../graph/fault.ts";
import { systemReason } from "./system.ts";

/** @param what the file is, for people  @throws UserError (usage) naming the file */
export function readJson(path: string, what: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8").replace(/^\uFEFF/, ""));
  } catch (error) {
    const fact =
      error instanceof SyntaxError ? `is not JSON: ${error.message}` : `cannot be read: ${systemReason(error)}`;
    throw usage(`${what} ${path} ${fact}`, error);
  }
}
