import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect } from "vitest";
import { longTest } from "./support/patience.ts";

const JOBS = 12;
const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

const fresh = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "assay-resume-"));
  directories.push(directory);
  return directory;
};

function start(directory: string): ChildProcess {
  const script = fileURLToPath(new URL("./runtime/run.ts", import.meta.url));
  const [ms, workers] = ["30", "2"];
  return spawn(process.execPath, ["--import", "tsx", script, directory, `${JOBS}`, ms, workers], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: fileURLToPath(new URL("..", import.meta.url)),
  });
}

/** What the run prints, once it ends by itself. */
async function complete(directory: string): Promise<string> {
  const child = start(directory);
  let printed = "";
  child.stdout!.on("data", (chunk) => {
    printed += chunk;
  });
  child.stderr!.resume();
  expect(await once(child, "close")).toEqual([0, null]);
  return printed;
}

/** Kills the run with SIGKILL when it has reported `after` jobs; returns the jobs it reported. */
async function killed(directory: string, after: number): Promise<number[]> {
  const child = start(directory);
  const closed = once(child, "close");
  const stored: number[] = [];
  for await (const line of createInterface({ input: child.stderr! })) {
    if (line.startsWith("stored ")) stored.push(Number(line.slice(7)));
    if (stored.length === after) child.kill("SIGKILL");
  }
  expect(await closed).toEqual([null, "SIGKILL"]);
  return stored;
}

/** How often each job was computed. */
function computations(directory: string): number[] {
  const counts = new Array<number>(JOBS).fill(0);
  for (const line of readFileSync(join(directory, "log"), "utf8").trim().split("\n")) counts[Number(line)]!++;
  return counts;
}

longTest(
  "a run killed in the middle and started again computes no finished job twice, and ends as if never killed",
  async () => {
    const directory = fresh();
    const stored = await killed(directory, 4);
    expect(computations(directory).filter((count) => count > 0).length).toBeLessThan(JOBS);
    const printed = await complete(directory);
    const counts = computations(directory);
    for (const job of stored) expect(counts[job]).toBe(1);
    expect(Math.min(...counts)).toBe(1);
    // only what was in flight was computed again: for each of the two workers one job running and one being written
    expect(counts.reduce((a, b) => a + b)).toBeLessThanOrEqual(JOBS + 4);
    expect(printed).toBe(await complete(fresh()));
  },
);
