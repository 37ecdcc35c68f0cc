/**
 * @file VNN-LIB: what is asked of networks, as text. Version 1 as the competitions of 2021 to 2025 use it, and version 2
 * (standard document 2.1).
 */

import { FormatError } from "../error.ts";
import { gunzip, isGzip } from "../gzip.ts";
import { type Declared, elementName, headOf, readElement, readNetwork, type Scope, tensorsOf } from "./declarations.ts";
import { positionIn, VnnLibError } from "./error.ts";
import { type Expression, fail, type List, readExpressions, type Source } from "./expressions.ts";
import { namesOf, readFormula } from "./formulas.ts";
import type { NetworkDeclaration, Variable, VnnLib } from "./types.ts";

/** Commands of SMT-LIB that say nothing here. */
const IGNORED = ["set-logic", "set-info", "set-option", "check-sat", "get-model", "exit"];
const VERSION = /^<(\d+)\.(\d+)>$/;

/**
 * @param bytes the file as it is, or gzip'ed
 * @throws VnnLibError with file, line and column
 */
export function readVnnLib(bytes: Uint8Array, file: string): VnnLib {
  const start = { line: 1, column: 1 };
  try {
    const plain = isGzip(bytes) ? gunzip(bytes) : bytes;
    return parseVnnLib(new TextDecoder("utf-8", { fatal: true }).decode(plain), file);
  } catch (error) {
    if (error instanceof FormatError) throw new VnnLibError(file, start, error.message);
    if (error instanceof TypeError) throw new VnnLibError(file, start, "is no text; name a VNN-LIB file");
    throw error;
  }
}

/** @throws VnnLibError with file, line and column */
export function parseVnnLib(text: string, file = "query"): VnnLib {
  const source = { text, file };
  const all = readExpressions(source).map((expression) => listOf(expression, source));
  const [first, ...rest] = all.filter((list) => !IGNORED.includes(headOf(list)!));
  if (!first) return fail(source, 0, "asks nothing; write declarations and assertions");
  return headOf(first) === "vnnlib-version" ? second(first, rest, source) : firstVersion([first, ...rest], source);
}

const listOf = (expression: Expression, source: Source): List =>
  expression.kind === "list" && headOf(expression) !== undefined
    ? expression
    : fail(source, expression.at, "this is no command; a query consists of declarations and (assert …)");

function firstVersion(commands: readonly List[], source: Source): VnnLib {
  const declared: Declared[] = [];
  const asserted: List[] = [];
  for (const command of commands) {
    const head = headOf(command)!;
    if (head === "assert") asserted.push(command);
    else if (head === "declare-const" || head === "declare-fun") declared.push(readElement(command, source));
    else if (head === "declare-network" || head === "vnnlib-version")
      fail(source, command.at, "version 2 begins with (vnnlib-version <2.1>); put that first");
    else fail(source, command.at, `"${head}" is no command of VNN-LIB 1.0; known are declare-const and assert`);
  }
  const scope: Scope = { source, names: new Map(), elements: 0 };
  const variables = tensorsOf(declared, scope);
  const single = new Map(
    variables.flatMap((variable) =>
      Array.from({ length: variable.size }, (_, k): [string, number] => [elementName(variable, k), variable.first + k]),
    ),
  );
  const network = { name: undefined, variables, position: positionIn(source.text, commands[0]!.at) };
  return queryOf(source, { major: 1, minor: 0 }, [network], asserted, namesOf(source, new Map(), single));
}

function second(command: List, commands: readonly List[], source: Source): VnnLib {
  const stated = command.items[1];
  const version = stated?.kind === "word" ? VERSION.exec(stated.text) : null;
  if (!version || command.items.length !== 2)
    return fail(source, stated?.at ?? command.at, "write the version as (vnnlib-version <2.1>)");
  if (version[1] !== "2")
    fail(source, stated!.at, `version ${version[1]}.${version[2]} is not known; known are 1.0 and 2.x`);
  const scope: Scope = { source, names: new Map(), elements: 0 };
  const networks: NetworkDeclaration[] = [];
  const asserted: List[] = [];
  for (const one of commands) {
    const head = headOf(one)!;
    if (head === "assert") asserted.push(one);
    else if (head !== "declare-network")
      fail(source, one.at, `"${head}" is no command of VNN-LIB 2; known are declare-network and assert`);
    else if (asserted.length > 0) fail(source, one.at, "declare all networks before the first assertion");
    else networks.push(readNetwork(one, scope, networks));
  }
  if (networks.length === 0) fail(source, command.at, "declares no network; add (declare-network f …)");
  const tensors = new Map([...scope.names].filter((entry): entry is [string, Variable] => entry[1] !== "network"));
  const names = namesOf(source, tensors, new Map());
  return queryOf(source, { major: 2, minor: Number(version[2]) }, networks, asserted, names);
}

function queryOf(
  { text, file }: Source,
  version: VnnLib["version"],
  networks: VnnLib["networks"],
  asserted: readonly List[],
  names: ReturnType<typeof namesOf>,
): VnnLib {
  const [one] = asserted;
  if (!one) return fail(names.source, 0, "asserts nothing; add (assert …)");
  const parts = asserted.map(({ items, at }) => {
    if (items.length !== 2) fail(names.source, at, `assert takes one condition, not ${items.length - 1}`);
    return readFormula(items[1]!, names);
  });
  return { file, text, version, networks, formula: { kind: "and", parts, at: one.at } };
}
