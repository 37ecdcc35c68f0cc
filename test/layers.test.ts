import { readdirSync, readFileSync } from "node:fs";
import { posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { methods } from "../src/methods/index.ts";

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
  local: [...beforeMethods, "methods", "studies"],
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

/** Words of their own beside the poisonings of that name: what an audit's screen plants, and the unit of pictures. */
const WORDS = ["patch", "pixels"];

/** Where a word stands for something else than the method of that name, or a method is named for a stated reason. */
const mayName: Readonly<Record<string, readonly string[]>> = {
  // what Adam keeps of squares, and a way to draw first weights
  "methods/train/optimisers.ts": ["square"],
  "methods/train/initialise.ts": ["ibp"],
  // logits as they are, not scaled by the temperature
  "methods/backdoor/titration/titrate.ts": ["plain"],
  "report/sections/tampering/scan.ts": ["plain"],
  // what a recipe trains by that states no method
  "methods/train/config.ts": ["plain"],
  // the options of all poisonings are one union, from which their types come, and the table has one of each
  "methods/poison/config.ts": ["adaptive-blend", "blended", "bpp", "checkerboard", "label-consistent", "sig", "wanet"],
  "methods/poison/index.ts": ["adaptive-blend", "label-consistent"],
  // rows of a paper's table
  "methods/backdoor/evaluation/published.ts": ["adaptive-blend", "label-consistent"],
  // an example in a comment
  "graph/suggest.ts": ["crown"],
};

const isOwn = (file: string, id: string): boolean => file.endsWith(`/${id}.ts`) || file.includes(`/${id}/`);

test("no method is named outside its own file or folder", () => {
  const ids = [...new Set(methods.map(({ method }) => method.id))].filter((id) => !WORDS.includes(id));
  const found = files.flatMap((file) => {
    const text = readFileSync(`${root}/${file}`, "utf8");
    return ids.filter((id) => text.includes(`"${id}"`) && !isOwn(file, id)).map((id) => `${file}: ${id}`);
  });
  expect(found.toSorted()).toEqual(
    Object.entries(mayName)
      .flatMap(([file, named]) => named.map((id) => `${file}: ${id}`))
      .toSorted(),
  );
});

/** They run over the tables: a method that is listed is held to its contract. */
const SUITES = [
  ...["soundness", "soundness-rounding", "overflow", "support/differential", "contracts/attack-soundness"].map(
    (name) => `../test/${name}${name.startsWith("support") ? "" : ".test"}.ts`,
  ),
  "methods/attack/attacks.test.ts",
  "methods/train/contract.test.ts",
  "methods/options.test.ts",
];

test("the suites of contracts, soundness and rounding name no method", () => {
  const ids = methods.map(({ method }) => method.id);
  const found = SUITES.flatMap((suite) => {
    const text = readFileSync(`${root}/${suite}`, "utf8");
    const names = (id: string) => new RegExp(`"(${id}|(\\./|[./]+src/methods/.*/)(methods/)?${id}\\.ts)"`).test(text);
    return ids.filter(names).map((id) => `${suite}: ${id}`);
  });
  expect(found).toEqual([]);
});

test("the command line has no method's name, not even in its words", () => {
  // "square" and "strip" are words, too; that nothing quotes them is tested above
  const ids = methods
    .filter(({ family }) => family.verb !== "train")
    .flatMap(({ method }) => (["square", "strip"].includes(method.id) ? [] : [method.id]));
  const named = new RegExp(`(?<![\\w-])(${ids.join("|")})(?![\\w-])`);
  const found = files.filter((file) => file.startsWith("cli/") && named.test(readFileSync(`${root}/${file}`, "utf8")));
  expect(found).toEqual([]);
});

test("a method's file or folder is called as the method is", () => {
  const homes = (folder: string, id: string) =>
    ["", "methods/"].flatMap((inner) => [
      `methods/${folder}/${inner}${id}.ts`,
      `methods/${folder}/${inner}${id}/index.ts`,
    ]);
  const lost = methods.filter(
    ({ family, method }) =>
      !(family.home ? [`methods/${family.home}`] : homes(family.id, method.id)).some((home) => files.includes(home)),
  );
  expect(lost.map(({ method }) => method.id)).toEqual([]);
});

test("nothing asks which family a method is of", () => {
  const asks = (file: string) => /family(\.id)? [!=]== "/.test(readFileSync(`${root}/${file}`, "utf8"));
  expect(files.filter(asks)).toEqual([]);
});

/** What folders of src/methods import of each other, beside the files that lie beside the folders; others import none. */
const methodEdges: Readonly<Record<string, readonly string[]>> = {
  poison: ["attack"],
  train: ["poison"],
  population: ["poison", "train"],
  backdoor: ["attack", "population", "train"],
  audit: ["attack", "backdoor", "population", "verify"],
};

test("the folders of the methods import each other as declared, and nothing declared is unused", () => {
  const folderOf = (file: string): string | undefined => /^methods\/([\w-]+)\//.exec(file)?.[1];
  const found: Record<string, string[]> = {};
  for (const { file, target } of imports) {
    const [from, to] = [folderOf(file), target === undefined ? undefined : folderOf(target)];
    if (from === undefined || to === undefined || from === to) continue;
    found[from] = [...new Set([...(found[from] ?? []), to])].toSorted();
  }
  expect(found).toEqual(methodEdges);
});

test("the folders of the methods form no circle: each imports such as stand before it, or import none", () => {
  const order = Object.keys(methodEdges);
  const later = Object.entries(methodEdges).flatMap(([from, edges]) =>
    edges.filter((to) => order.indexOf(to) >= order.indexOf(from)).map((to) => `${from} → ${to}`),
  );
  expect(later).toEqual([]);
});

/** Folders whose files never import each other in a circle, not even for types. */
const WITHOUT_CIRCLES = Object.keys(allowed);

/** The first circle that is reached from each file of the folder, as a path. */
function circlesIn(folder: string): string[] {
  const own = files.filter((file) => file.startsWith(`${folder}/`));
  const edges = new Map(
    own.map((file) => [file, imports.flatMap((one) => (one.file === file ? (one.target ?? []) : []))]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) found.push([...path.slice(at), file].join(" → "));
    if (at >= 0 || done.has(file) || !edges.has(file)) return;
    for (const next of edges.get(file)!) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of own) visit(file, []);
  return found;
}

test.for(WITHOUT_CIRCLES)("no files of %s import each other in a circle", (folder) => {
  expect(circlesIn(folder)).toEqual([]);
});
