import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { unsupportedInput, usage } from "../../graph/fault.ts";
import { checkOutputFolder } from "../../local/output.ts";
import { systemReason } from "../../local/system.ts";
import { readOptions } from "../config.ts";
import type { Io } from "../io.ts";
import { writeReport } from "../report-files.ts";
import { reportVerb } from "../verbs/report.ts";

export async function report(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const { out, json } = readOptions(reportVerb.options, raw);
  const file = existsSync(join(path, "report.json")) ? join(path, "report.json") : path;
  const folder = out ?? dirname(file);
  checkOutputFolder(folder);
  const { parseReport } = await import("../../report/parse.ts");
  await writeReport(parseReport(readJson(file)), folder, { json }, io);
  return 0;
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw usage(`${file}: ${systemReason(error)}; name the report.json of an audit`, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unsupportedInput(
      `${file} is not JSON (${(error as Error).message}); name the report.json of an audit`,
      error,
    );
  }
}
