/** @file Runs the command line inside the test's process, or as a program of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { main } from "../../src/cli/main.ts";
import { builtOf } from "./built.ts";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Write = typeof process.stdout.write;

/** In this process, with stdout and stderr caught. */
export async function assay(...argv: readonly string[]): Promise<Ended> {
  const caught = { stdout: "", stderr: "" };
  const catching =
    (stream: keyof typeof caught): Write =>
    (text: unknown, ...rest: unknown[]) => {
      caught[stream] += String(text);
      const done = rest.find((argument) => typeof argument === "function") as (() => void) | undefined;
      done?.();
      return true;
    };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(catching("stdout")),
    vi.spyOn(process.stderr, "write").mockImplementation(catching("stderr")),
  ];
  try {
    return { code: await main(argv), ...caught };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** bin/assay.js, but of the sources as they are. */
export const PROGRAM = builtOf(fileURLToPath(new URL("./assay.ts", import.meta.url)));

/** As a program of its own. */
export function spawnAssay(
  argv: readonly string[],
  { cwd, stdout = "pipe" }: { readonly cwd: string; readonly stdout?: "pipe" | number },
): ChildProcess {
  return spawn(process.execPath, [PROGRAM, ...argv], { cwd, stdio: ["ignore", stdout, "pipe"] });
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const caught = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.on("data", (part) => {
      caught[stream] += part;
    });
  }
  const [code] = (await once(child, "close")) as [number];
  return { code, ...caught };
}
