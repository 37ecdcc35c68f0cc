/** @file The code in the documents is code: it compiles against the sources, and the README's is the tested example. */

import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { documents, read, root } from "./helpers/documents.ts";
import { longTest } from "./support/patience.ts";

const blocks = new Map(
  documents.flatMap((path) =>
    [...read(path).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
      ([, code], i) => [join(root, `${path.replaceAll("/", "-")}.${i}.ts`), `${code}\nexport {};\n`] as const,
    ),
  ),
);

longTest("every ts block compiles", () => {
  const config = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.json"), { incremental: false }, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (problem) => {
      throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, "\n"));
    },
  } satisfies ts.ParseConfigFileHost)!;
  const { tsBuildInfoFile: _, ...options } = config.options;
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => blocks.has(path) || fileExists(path);
  host.readFile = (path) => blocks.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const code = blocks.get(path);
    return code === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, code, rest[0]);
  };
  const program = ts.createProgram([...blocks.keys()], options, host);
  const problems = [...blocks.keys()].flatMap((path) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText }) => `${path}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
  });
  expect(blocks.size).toBeGreaterThan(0);
  expect(problems).toEqual([]);
});

test("the README's example is the one that the tests run", () => {
  expect(blocks.get(join(root, "README.md.0.ts"))).toContain(read("examples/certify-batch.ts"));
});
