/**
 * Time from process start to process end of the built command line: `npm run build && npx tsx bench/start.ts [ROUNDS]`.
 * Wall time; the commands run in turns, each in an empty folder, so that no stored result is met.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { median } from "../src/stats/summary.ts";

const ROUNDS = Number(process.argv[2] ?? 15);
const ASSAY = resolve("bin/assay.js");
const MLP = resolve("zoo/mnist-mlp.onnx");

const commands: Readonly<Record<string, readonly string[]>> = {
  "assay --version": ["--version"],
  "assay methods": ["methods"],
  "assay certify, MLP, 10 images": ["certify", MLP, "--data", "mnist", "--limit", "10", "--epsilon", "0.02"],
};

function timeOf(args: readonly string[]): number {
  const folder = mkdtempSync(join(tmpdir(), "assay-start-"));
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [ASSAY, ...args], { cwd: folder, encoding: "utf8" });
  const time = performance.now() - start;
  rmSync(folder, { recursive: true });
  if (status !== 0) throw new Error(`assay ${args.join(" ")} ended with ${status}: ${stderr}`);
  return time;
}

const times = Object.fromEntries(Object.keys(commands).map((name) => [name, [] as number[]]));
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, args] of Object.entries(commands)) {
    const time = timeOf(args);
    if (round >= 0) times[name]!.push(time);
  }
}
console.log(`${cpus()[0]?.model}, Node ${process.version}, ${ROUNDS} rounds`);
for (const [name, all] of Object.entries(times)) {
  console.log(`${name.padEnd(32)} least ${Math.min(...all).toFixed(0)} ms, median ${median(all).toFixed(0)} ms`);
}
