/**
 * Audits of published models and of the zoo's, each as a program of its own with the default budget of time: writes
 * docs/audited-models.md. `npx tsx bench/audited-models.ts [NAME …]`: with names only those rows are measured anew. A row
 * that contradicts what is known of the model, or an audit that takes longer than its budget or writes no page, is told and
 * makes the exit code 1. Models that lie nowhere are left as they stand on the page.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import type { AuditReport } from "../src/report/schema.ts";
import build from "../test/support/built.ts";
import { CHROMIUM, CHROMIUM_ARGUMENTS } from "../test/support/chromium.ts";
import { type Audited, PROGRAM, ROOT, SOURCES, type Source } from "./audited-sources.ts";

const PAGE = join(ROOT, "docs/audited-models.md");
/** Of the table of results. */
const COLUMNS = 9;
/** The audit's default. */
const BUDGET_SECONDS = 180;
const DECISIONS = { ship: "ship", "do-not-ship": "do not ship", "cannot-tell": "cannot tell" } as const;

interface Row {
  readonly line: string;
  readonly faults: readonly string[];
}

/** Runs the command line; its peak memory is read where it ends. */
function timed(argv: readonly string[], cwd: string) {
  const atExit = `process.on("exit", () => process.stderr.write("PEAK " + process.resourceUsage().maxRSS));`;
  const program = ["--import", `data:text/javascript,${encodeURIComponent(atExit)}`, PROGRAM, ...argv];
  const began = performance.now();
  const { stderr } = spawnSync(process.execPath, program, { cwd, encoding: "utf8", maxBuffer: 2 ** 28 });
  const seconds = (performance.now() - began) / 1000;
  return { stderr, seconds, megabytes: Number(/PEAK (\d+)\s*$/.exec(stderr)?.[1]) / 1024 };
}

async function heightOf(page: string): Promise<string> {
  if (!existsSync(CHROMIUM)) return "written";
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
  const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await tab.goto(pathToFileURL(page).href);
  const height = (await tab.evaluate("document.documentElement.scrollHeight")) as number;
  await browser.close();
  return `${Math.round(height)} px`;
}

async function measure(name: string, source: Source): Promise<Row | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "assay-audited-"));
  const { model, data, options = [] }: Audited = await source.make(folder);
  if (!existsSync(model) || (data !== "mnist" && !existsSync(data))) {
    console.log(`${name}: not here: ${model}`);
    return undefined;
  }
  const out = join(folder, "report");
  const audit = ["audit", model, "--data", data, "--out", out, ...options];
  const { stderr, seconds, megabytes } = timed(audit, folder);
  const [json, page] = [join(out, "report.json"), join(out, "index.html")];
  if (!existsSync(json) || !existsSync(page)) {
    return {
      line: `| ${[name, ...Array(COLUMNS - 2).fill("–"), "none"].join(" | ")} |`,
      faults: [`no page: ${stderr.trim().split("\n").slice(-2).join(" ")}`],
    };
  }
  const { decision } = JSON.parse(readFileSync(json, "utf8")) as AuditReport;
  const answers = decision.answers.map(({ answer }) => answer);
  const [tampered] = decision.answers;
  const faults = [
    ...(seconds > BUDGET_SECONDS ? [`${(seconds - BUDGET_SECONDS).toFixed(1)} s over the budget`] : []),
    ...(source.tampered && decision.kind === "ship" ? ["a backdoored model ships"] : []),
    ...(!source.tampered && tampered?.outcome === "failed" ? ["a clean model is called tampered with"] : []),
  ];
  const verdict = [DECISIONS[decision.kind], decision.reason];
  const cost = [`${seconds.toFixed(0)} s`, `${(megabytes / 1000).toFixed(2)} GB`, await heightOf(page)];
  const cells = [name, ...answers, ...verdict, ...cost].map((cell) => cell.replaceAll("|", "\\|"));
  return { line: `| ${cells.join(" | ")} |`, faults };
}

const asked = (name: string) => {
  const { about } = SOURCES[name]!;
  return `| ${name} | ${about} |`;
};

const pageOf = (lines: ReadonlyMap<string, string>): string => `# Audited models

What \`assay audit\` says of models whose history is known, with its defaults: 500 inputs or as many as there are, and at most 3 minutes
on two cores. Written by \`npx tsx bench/audited-models.ts\`, each audit as a program of its own, on ${cpus().length} cores (${cpus()[0]?.model}) and
Node ${process.version}; the machine does other work too, and times are upper bounds. Peak memory is that of the whole
program, page height at 1280 pixels' width, before anything is unfolded. The reason is the page's own sentence.

| model | tampered with? | reliable? | resists adversaries? | decision | reason | time | memory | page |
|---|---|---|---|---|---|---|---|---|
${Object.keys(SOURCES)
  .flatMap((name) => lines.get(name) ?? [])
  .join("\n")}

The three questions are answered each by itself; the decision rests on the first two unless the gate asks for more
([audit.md](audit.md)). For models of CIFAR-10 the gate asks for an accuracy of 50% (\`--min-accuracy 0.5\`): none of them claims 90%.

## What they are

| model | known of it |
|---|---|
${Object.keys(SOURCES).map(asked).join("\n")}
`;

/** The rows that stand on the page, by the model's name. */
function standing(): Map<string, string> {
  const page = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "";
  const rows = page.split("\n").filter((line) => line.split(" | ").length === COLUMNS);
  return new Map(rows.map((line) => [line.slice(2, line.indexOf(" | ")), line]));
}

await build();
const lines = standing();
const wanted = process.argv.slice(2);
for (const [name, source] of Object.entries(SOURCES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const row = await measure(name, source);
  if (!row) continue;
  console.log(row.line);
  for (const fault of row.faults) console.log(`  FAULT, ${name}: ${fault}`);
  if (row.faults.length > 0) process.exitCode = 1;
  lines.set(name, row.line);
  writeFileSync(PAGE, pageOf(lines));
}
