/**
 * @file The sources, and the programs and job tables of the tests, as JavaScript in test/dist: a thread or a process
 * starts in a third of the time that it takes from TypeScript.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const built = join(root, "test/dist");

/** The JavaScript of a source file. */
export const builtOf = (file: string): string => join(built, relative(root, file)).replace(/\.ts$/, ".js");

/** A file is made again when it does not bear its source's time. */
function stale(source: string): boolean {
  const target = builtOf(source);
  return !existsSync(target) || Math.abs(statSync(target).mtimeMs - statSync(source).mtimeMs) > 1;
}

/** Runs at the same moment write the same. */
async function make(sources: readonly string[]): Promise<void> {
  const { default: ts } = await import("typescript");
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  for (const source of sources) {
    const target = builtOf(source);
    const own = `${target}.${process.pid}`;
    const { mtime } = statSync(source);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(own, ts.transpileModule(readFileSync(source, "utf8"), { compilerOptions }).outputText);
    utimesSync(own, mtime, mtime);
    renameSync(own, target);
  }
}

const sourcesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /(?<!\.test|\.d)\.ts$/.test(name))
    .map((name) => join(root, folder, name));

/** Vitest calls it before the tests. */
export default async function setup(): Promise<void> {
  const sources = ["src", "test/runtime", "test/support"].flatMap(sourcesIn).filter(stale);
  if (sources.length > 0) await make(sources);
  // what the sources read beside them
  for (const name of ["package.json", "zoo", "bench"])
    if (!existsSync(join(built, name))) symlinkSync(join(root, name), join(built, name));
}
