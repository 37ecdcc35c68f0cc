import { readdirSync, readFileSync } from "node:fs";
import { posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../src", import.meta.url));

const beforeMethods = ["graph", "spec", "ops", "transforms", "formats", "runtime", "data"];

/** What each layer may import besides itself and the leaves. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  graph: [],
  spec: ["graph"],
  ops: ["graph"],
  transforms: ["graph", "spec", "ops"],
  formats: ["graph", "ops"],
  data: ["graph", "formats"],
  runtime: ["graph", "ops", "transforms", "formats"],
  methods: beforeMethods,
  studies: [...beforeMethods, "methods"],
  report: [...beforeMethods, "methods", "studies"],
  local: [...beforeMethods, "methods", "studies", "cli"],
  cli: [...beforeMethods, "methods", "studies", "report", "local"],
  web: [...beforeMethods, "methods", "studies", "report"],
  random: [],
  stats: [],
};
const leaves = ["random", "stats"];

/** These need Node; the browser runs everything else. */
const needsNode = (file: string): boolean =>
  file.startsWith("cli/") ||
  file.startsWith("local/") ||
  /^runtime\/node[\w-]*\.ts$/.test(file) ||
  file === "data/files.ts";

const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((path) => relative(root, `${root}/${path}`).split(sep).join("/"))
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));

interface Import {
  readonly file: string;
  readonly name: string;
  /** The file it names, where it is one of ours. */
  readonly target: string | undefined;
}

/** Static and dynamic imports, re-exports, and types by `import("…")`. */
const imports: readonly Import[] = files.flatMap((file) => {
  const text = readFileSync(`${root}/${file}`, "utf8");
  return [...text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*["']([^"']+)["']/g)].map(([, name = ""]) => ({
    file,
    name,
    target: name.startsWith(".") ? posix.join(posix.dirname(file), name) : undefined,
  }));
});

const layerOf = (file: string): string => file.split("/")[0]!;
const inLayer = (file: string): boolean => file !== "index.ts";

function pointsRight({ file, target }: Import): boolean {
  if (target === undefined || !inLayer(file)) return false;
  const [from, to] = [layerOf(file), layerOf(target)];
  return from !== to && !leaves.includes(to) && !allowed[from]?.includes(to);
}

const list = (found: readonly Import[]) => found.map(({ file, name }) => `${file} imports ${name}`);

test("every file is in a layer and its imports are found", () => {
  expect(files.filter((file) => inLayer(file) && !allowed[layerOf(file)])).toEqual([]);
  const found = new Set(imports.map(({ target }) => target));
  expect(files.filter((file) => found.has(file)).length).toBeGreaterThan(files.length / 2);
});

test("imports point to earlier layers only", () => {
  expect(list(imports.filter(pointsRight))).toEqual([]);
});

test("only the command line, runtime/node* and the file readers need Node, directly or through another file", () => {
  const found = imports.filter(({ name, target }) => name.startsWith("node:") || (target && needsNode(target)));
  expect(list(found.filter(({ file }) => inLayer(file) && !needsNode(file)))).toEqual([]);
});

test("only the runtime imports ONNX Runtime", () => {
  expect(
    list(imports.filter(({ file, name }) => name.startsWith("onnxruntime") && layerOf(file) !== "runtime")),
  ).toEqual([]);
});
