/** @file What a fresh clone needs before any code runs. */

import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { read, root } from "./helpers/documents.ts";

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(read("package-lock.json")) as { readonly packages: Readonly<Record<string, Locked>> };

/** The places where a package at `place` finds `name`, nearest first. */
function candidates(place: string, name: string): string[] {
  const parents = place.split("/node_modules/");
  const nested = parents.map((_, i) => `${parents.slice(0, parents.length - i).join("/node_modules/")}/node_modules/`);
  return [...nested, "node_modules/"].map((folder) => `${folder}${name}`);
}

test("the lock file has every package that another one wants, those of other platforms too, or npm ci refuses it", () => {
  const missing = Object.entries(lock.packages).flatMap(([place, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !candidates(place, name).some((path) => lock.packages[path]?.version !== undefined))
      .map((name) => `${name}, wanted by ${place || "the package itself"}`),
  );
  expect(missing).toEqual([]);
});

test("the lock file names no download addresses: packages come from the registry that npm is set to", () => {
  expect(Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

test("no package may run code while it is installed; where npm does not know that rule yet, the runtime downloads nothing", () => {
  const { allowScripts } = JSON.parse(read("package.json")) as { allowScripts: Readonly<Record<string, boolean>> };
  const wanting = Object.entries(lock.packages).flatMap(([place, { hasInstallScript }]) =>
    hasInstallScript ? [place.replace(/^.*node_modules\//, "")] : [],
  );
  expect(wanting.length).toBeGreaterThan(0);
  for (const name of wanting) expect([name, allowScripts[name]]).toEqual([name, false]);
  expect(read(".npmrc").split("\n")).toContain("onnxruntime-node-install=skip");
});

test("the package ships its licence, and the licence it names", () => {
  const { license, files } = JSON.parse(read("package.json")) as { license: string; files: readonly string[] };
  expect(license).toBe("Apache-2.0");
  expect(files).toContain("LICENSE");
  expect(read("LICENSE")).toContain("Apache License\n                           Version 2.0");
});

test("the package ships what its commands read: bundled models, populations, and the evaluation's configuration", () => {
  const { files } = JSON.parse(read("package.json")) as { files: readonly string[] };
  const { tasks } = JSON.parse(read("bench/backdoor.json")) as { tasks: readonly Record<string, string>[] };
  const recipes = tasks.flatMap(({ reference, evaluation }) => [`bench/${reference}`, `bench/${evaluation}`]);
  const wanted = ["zoo/populations/index.json", "bench/backdoor.json", ...recipes];
  const shipped = (path: string) => files.some((entry) => path === entry || path.startsWith(`${entry}/`));
  expect(wanted.filter((path) => !shipped(path))).toEqual([]);
});

test("the check of a new machine can be started, and the README's picture is not large", () => {
  expect(() => accessSync(join(root, ".ci/run"), constants.X_OK)).not.toThrow();
  expect(statSync(join(root, "docs/report.png")).size).toBeLessThan(300_000);
});
