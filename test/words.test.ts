/** @file One word a thing (docs/verdicts.md), and the field's terms: in every sentence of the sources, in help, docs and reports. */

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { VERBS } from "../src/cli/verbs.ts";
import { assay } from "./support/cli.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** Words that are not said in the senses of docs/verdicts.md, and what is. */
const REJECTED: readonly (readonly [word: RegExp, instead: string])[] = [
  [/\b(un)?(broken|breaks?|broke|breaking)\b/i, "falsified"],
  [/\b(overturn\w*|fooled|toppled)\b/i, "falsified"],
  [/\b(has|have) fallen\b|\bleft standing\b/i, "falsified"],
  [/\b(answers?|inputs?) (are |is )?moved\b|\b(patch|change|attack)\w* moves?\b/i, "falsified, or sent (by a patch)"],
  [/\b(left|leaves?|leaving|stays?|is|are) open\b/i, "unknown (an input), undecided (a condition)"],
  [/\binputs? (are |is )?undecided\b|\bundecided (inputs?|\d)/i, "unknown"],
  [/\bunproved\b|\bunsettled\b/i, "unknown"],
  [
    /\bsure\b.{0,12}\bwrong\b|\bwrong\b.{0,12}\bsure\b|\bsurely wrong\b|\bwrongly and surely\b|\bsurely and wrongly\b/i,
    "high-confidence errors",
  ],
  [/% sure\b|\bhow sure\b/i, "confidence"],
  [/\bupright (line|marks?)\b|\bdotted upright\b/i, "vertical line"],
  [/\brandom starts?\b|\bstarts of (the|an) attack\b|\bsteps a start\b/i, "restarts"],
  [/(?<!standard )(?<!standard\n)(?<!absolute )(?<!absolute\n)\bdeviations?\b/i, "standard deviation"],
  [/\b(in|of) (the |its |their )?spreads?\b|\bno spread\b|\bcounts?: spread\b/i, "standard deviations"],
  [/\bhit rates?\b/i, "attack success, or detection rate"],
  [/\broot of (all )?random\b/i, "seed"],
];

/** Places where such a word says another thing. */
const ELSEWHERE: readonly RegExp[] = [
  /\b(is|are|axis \d+ of its input .*) open\b.*(size|export|bind|batch|axis)/,
  /leaves? sizes open/,
  /axes? .*open/,
  /"open"/,
  /`open`/,
];

const rejected = (text: string): string[] => {
  const flat = text.replaceAll(/\s+/g, " ");
  return REJECTED.flatMap(([word, instead]) => {
    const found = word.exec(flat);
    if (!found || ELSEWHERE.some((other) => other.test(flat.slice(Math.max(0, found.index - 60), found.index + 80))))
      return [];
    return [`"${flat.slice(Math.max(0, found.index - 30), found.index + 40)}": say ${instead}`];
  });
};

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending) && !name.endsWith(".test.ts"))
    .map((name) => join(folder, name));

/** What a source file says: its string literals and templates of two words or more, a template's holes as "…". */
function sentencesOf(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(join(ROOT, path), "utf8"), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isStringLiteralLike(node)) found.push(node.text);
    if (ts.isTemplateExpression(node))
      found.push([node.head.text, ...node.templateSpans.map(({ literal }) => `0${literal.text}`)].join(""));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.filter((text) => text.trim().includes(" "));
}

/** Layers whose sentences reach users; the words of ops and files (an open axis, a broken file) are other things. */
const STYLE = join("src/report", "style.ts");
const LAYERS = ["cli", "data", "local", "methods", "report", "spec", "studies", "web"];

test("no sentence of the sources says a rejected word", () => {
  const all = LAYERS.flatMap((layer) => filesIn(`src/${layer}`, ".ts")).filter((path) => path !== STYLE);
  const said = all.flatMap((path) => sentencesOf(path).flatMap((text) => rejected(text).map((it) => `${path}: ${it}`)));
  expect(all.length).toBeGreaterThan(200);
  expect(said).toEqual([]);
});

test("no page of the documentation does", () => {
  // the glossary itself names what is not said
  const pages = [...filesIn("docs/schemas", ".json"), ...filesIn("docs", ".md"), "ARCHITECTURE.md", "README.md"];
  const said = pages.flatMap((path) =>
    readFileSync(join(ROOT, path), "utf8")
      .replace(/## One word a thing[\s\S]*?(?=\n## )/, "")
      .split(/\n\n|\n(?=[|#-])/)
      .flatMap((text) => rejected(text).map((it) => `${path}: ${it}`)),
  );
  expect(said).toEqual([]);
});

test("no help and no rendered report does", async () => {
  const helps = await Promise.all(VERBS.map(async ({ name }) => (await assay(name, "--help")).stdout));
  const goldens = readdirSync(join(ROOT, "test/golden")).map((name) =>
    readFileSync(join(ROOT, "test/golden", name), "utf8"),
  );
  const texts = [...helps, ...goldens.map((text) => text.replaceAll(/<style>[\s\S]*?<\/style>/g, ""))];
  expect(texts.length).toBeGreaterThan(VERBS.length);
  expect(texts.flatMap(rejected)).toEqual([]);
});

test("the search for words finds each of them, and lets other senses pass", () => {
  for (const said of [
    "not broken by any attack",
    "5 answers overturned",
    "12 inputs undecided",
    "sure and wrong answers",
    "the dotted upright marks epsilon",
    "starts of the attack",
    "mean and deviation",
    "the answer stays open",
  ])
    expect([said, rejected(said).length]).toEqual([said, 1]);
  for (const said of [
    "standard deviations of each feature",
    'axis 2 of its input "x" is open; only the batch may be: export it with a fixed size',
    "the condition is undecided",
  ])
    expect([said, rejected(said)]).toEqual([said, []]);
});

test("the glossary of words has every word that is to be said of an input, a condition and a model", () => {
  const [, glossary] = /## One word a thing([\s\S]*?)\n## /.exec(readFileSync(join(ROOT, "docs/verdicts.md"), "utf8"))!;
  for (const word of ["certified", "falsified", "unknown", "undecided", "cannot tell", "restart", "standard deviation"])
    expect(glossary).toContain(`**${word}**`);
});
