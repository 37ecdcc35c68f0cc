/** @file What the documents point to is there: links, anchors, paths, scripts, verbs and options. */

import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { flagName } from "../src/cli/options.ts";
import { VERBS } from "../src/cli/verbs.ts";
import { documents, read, root } from "./helpers/documents.ts";

/** Without blocks of code, in which brackets are brackets. */
const prose = (path: string): string => read(path).replaceAll(/^```[\s\S]*?^```$/gm, "");

/** As GitHub makes an anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const anchors = (path: string): Set<string> =>
  new Set([...prose(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!)));

function brokenLink(from: string, target: string): boolean {
  const [path, anchor] = target.split("#") as [string, string | undefined];
  const file = path === "" ? from : relative(root, join(root, dirname(from), path));
  if (!existsSync(join(root, file))) return true;
  return anchor !== undefined && !anchors(file).has(anchor);
}

/** A path in the repository; of a pattern, the folder. Names in capitals stand for others. */
const ours = (text: string): string[] =>
  /^(\.ci|bench|docs|examples|scripts|src|test|zoo)\/[\w./*-]*$/.test(text) && !/\b[A-Z]{2,}\b/.test(text)
    ? [text.includes("*") ? dirname(text) : text]
    : [];

describe.each(documents)("%s", (path) => {
  test("links to files and headings that exist", () => {
    const targets = [...prose(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const local = targets.filter((target) => !/^https?:/.test(target));
    expect(local.filter((target) => brokenLink(path, target))).toEqual([]);
  });

  test("has something under every heading", () => {
    const lines = read(path)
      .split("\n")
      .filter((line) => line !== "");
    const level = (line = "#"): string => /^#+ |^#$/.exec(line)?.[0].trim() ?? "text";
    const empty = lines.filter((line, i) => line.startsWith("##") && level(line).startsWith(level(lines[i + 1])));
    expect(empty).toEqual([]);
  });

  test("is finished", () => {
    expect(read(path).match(/@[A-Z]+@|\bTODO\b|\bTBD\b|\bXXX\b/g) ?? []).toEqual([]);
  });

  test("names paths that exist", () => {
    const named = [...prose(path).matchAll(/`([^`\n]+)`/g)].flatMap(([, code]) => code!.split(" ").flatMap(ours));
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });

  test("runs scripts of package.json that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
    const named = [...read(path).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test("gives assay verbs and options that exist", () => {
    const commands = [...read(path).matchAll(/(?:^\$ |`)assay ([a-z]+\b[^`\n|]*)/gm)].map(([, words]) => words!);
    const wrong = commands.filter((words) => {
      const verb = VERBS.find(({ name }) => words.startsWith(name));
      const known = new Set(["help", ...(verb?.options ?? []).map(flagName)]);
      const used = [...words.matchAll(/--(?:no-)?([a-z-]+)/g)].map(([, flag]) => flag!);
      return !verb || used.some((flag) => !known.has(flag));
    });
    expect(wrong).toEqual([]);
  });
});
