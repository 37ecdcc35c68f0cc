/** @file The files that are made of a report: the page, and what build systems read. */

import { join } from "node:path";
import { writeWhole } from "../local/output.ts";
import type { AuditReport } from "../report/schema.ts";
import type { Io } from "./io.ts";

/** Writes into the folder and prints what was decided. */
export async function writeReport(
  report: AuditReport,
  folder: string,
  { json }: { readonly json?: boolean | undefined },
  io: Io,
): Promise<void> {
  const { renderHtml } = await import("../report/html.ts");
  const { renderText } = await import("../report/text.ts");
  const page = join(folder, "index.html");
  for (const [name, text] of await filesOf(report)) writeWhole(join(folder, name), text);
  writeWhole(page, await renderHtml(report));
  await io.print(json ? `${JSON.stringify(report)}\n` : `${renderText(report)}\nPage: ${page}\n`);
}

const line = (data: object): string => `${JSON.stringify(data)}\n`;

async function filesOf(report: AuditReport): Promise<readonly (readonly [name: string, text: string])[]> {
  const { sarifOf } = await import("../report/ci/sarif.ts");
  const { junitOf } = await import("../report/ci/junit.ts");
  const { markdownOf } = await import("../report/ci/markdown.ts");
  const { billOfMaterialsOf } = await import("../report/ci/bill-of-materials.ts");
  return [
    ["report.sarif", line(sarifOf(report))],
    ["junit.xml", junitOf(report)],
    ["summary.md", markdownOf(report)],
    ["bom.json", line(billOfMaterialsOf(report))],
  ];
}
