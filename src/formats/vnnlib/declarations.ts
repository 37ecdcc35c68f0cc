/** @file The declarations of a query: networks and their tensors (version 2), or elements one by one (version 1). */

import { positionIn } from "./error.ts";
import { type Expression, fail, type Index, type List, type Source, type Word } from "./expressions.ts";
import type { NetworkDeclaration, Variable } from "./types.ts";

const TYPES = [
  "real",
  "float16",
  "float32",
  "float64",
  "bfloat16",
  "int4",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint4",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "bool",
];
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
/** Elements of a query: more than any network takes, few enough to be kept in memory. */
const MAX_ELEMENTS = 2 ** 28;

export const headOf = (expression: Expression): string | undefined =>
  expression.kind === "list" && expression.items[0]?.kind === "word" ? expression.items[0].text : undefined;

/** What declarations share: the next free number, and the names that are taken. */
export interface Scope {
  readonly source: Source;
  readonly names: Map<string, Variable | "network">;
  elements: number;
}

// ---------------------------------------------------------------- version 2

const ROLES: Readonly<Record<string, Variable["role"]>> = {
  "declare-input": "input",
  "declare-hidden": "hidden",
  "declare-output": "output",
};
const ORDER: readonly Variable["role"][] = ["input", "hidden", "output"];

/** `(declare-network f (declare-input X float32 [1,5]) …)` */
export function readNetwork({ items, at }: List, scope: Scope, earlier: readonly NetworkDeclaration[]) {
  const { source } = scope;
  const name = wordAt(items[1], source, at, "a network needs a name, such as (declare-network f …)");
  checkName(name, scope);
  scope.names.set(name.text, "network");
  let like: NetworkDeclaration["like"];
  const variables: Variable[] = [];
  for (const item of items.slice(2)) {
    const head = headOf(item);
    if (item.kind === "list" && (head === "equal-to" || head === "isomorphic-to")) {
      if (like || variables.length > 0) fail(source, item.at, `${head} stands once, before all variables`);
      like = { kind: head, name: otherNetwork(item, head, source, earlier) };
      continue;
    }
    const role = head === undefined ? undefined : ROLES[head];
    if (role === undefined || item.kind !== "list")
      return fail(source, item.at, "a network consists of declare-input, declare-hidden and declare-output");
    const before = variables.at(-1);
    if (before && ORDER.indexOf(role) < ORDER.indexOf(before.role))
      fail(source, item.at, "declare inputs first, then hidden variables, then outputs");
    variables.push(readVariable(item, role, scope));
  }
  for (const role of ["input", "output"] as const)
    if (!variables.some((variable) => variable.role === role))
      fail(source, at, `network ${name.text} declares no ${role}; add (declare-${role} …)`);
  const declared = { name: name.text, variables, position: positionIn(source.text, at) };
  return like ? { ...declared, like } : declared;
}

function otherNetwork(item: List, head: string, source: Source, earlier: readonly NetworkDeclaration[]): string {
  const { text, at } = wordAt(item.items[1], source, item.at, `${head} names an earlier network`);
  const other = earlier.find(({ name }) => name === text);
  if (!other) return fail(source, at, `${head} names an earlier network; none is called "${text}"`);
  if (other.like) fail(source, at, `${text} is itself ${other.like.kind} another; name that one, ${other.like.name}`);
  return text;
}

function readVariable({ items, at }: List, role: Variable["role"], scope: Scope): Variable {
  const { source } = scope;
  const form = `write (declare-${role} NAME float32 [1,5]${role === "hidden" ? ' "tensor"' : ""})`;
  const name = wordAt(items[1], source, at, `a variable needs a name; ${form}`);
  checkName(name, scope);
  const type = wordAt(items[2], source, at, `a variable needs a type; ${form}`);
  if (!TYPES.includes(type.text) && type.text !== "Real")
    fail(source, type.at, `"${type.text}" is no type; known are ${TYPES.join(", ")}`);
  const shape = indexAt(items[3], source, at, `a variable needs a shape; ${form}`);
  const rest = items.slice(4);
  const [tensor] = rest;
  const fits = role === "hidden" ? rest.length === 1 && tensor!.kind === "string" : rest.every(isInitialized);
  if (!fits) fail(source, rest[0]?.at ?? at, `this does not belong to a variable; ${form}`);
  const { first, size } = numbered(shape.numbers, scope, shape.at);
  const variable: Variable = {
    name: name.text,
    role,
    type: type.text,
    shape: shape.numbers,
    first,
    size,
    ...(tensor?.kind === "string" && { tensor: tensor.text }),
    naming: "indexed",
    position: positionIn(source.text, at),
  };
  scope.names.set(name.text, variable);
  return variable;
}

/** An input may be declared that has a value in the file. */
const isInitialized = (item: Expression): boolean => item.kind === "word" && item.text === "initialized";

function numbered(shape: readonly number[], scope: Scope, at: number): { first: number; size: number } {
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (size === 0) fail(scope.source, at, "a variable without elements; sizes are at least 1");
  const first = scope.elements;
  scope.elements += size;
  if (scope.elements > MAX_ELEMENTS) fail(scope.source, at, `more than ${MAX_ELEMENTS} elements are declared`);
  return { first, size };
}

function checkName({ text, at }: Word, { source, names }: Scope): void {
  if (!NAME.test(text)) fail(source, at, `"${text}" is no name; names are letters, digits and _, a letter first`);
  if (names.has(text)) fail(source, at, `"${text}" is declared twice; all names of a query differ`);
}

const wordAt = (item: Expression | undefined, source: Source, at: number, way: string): Word =>
  item?.kind === "word" ? item : fail(source, item?.at ?? at, way);

const indexAt = (item: Expression | undefined, source: Source, at: number, way: string): Index =>
  item?.kind === "index" ? item : fail(source, item?.at ?? at, way);

/** What the k-th element is called in the query. */
export function elementName({ name, naming, shape }: Pick<Variable, "name" | "naming" | "shape">, k: number): string {
  const place = placeOf(k, shape);
  if (naming === "joined") return `${name}_${place.join("-")}`;
  return shape.length === 0 ? name : `${name}[${place}]`;
}

/** The place of the k-th element, row by row. */
function placeOf(k: number, shape: readonly number[]): number[] {
  const place: number[] = [];
  let rest = k;
  for (const dim of shape.toReversed()) {
    place.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return place;
}

// ---------------------------------------------------------------- version 1

/** `X_3`, or `X_0-1-2` with a place for each axis. */
const ELEMENT = /^([XY])_(\d+(?:-\d+)*)$/;

/** One element of the inputs X or the outputs Y. */
export interface Declared {
  readonly name: string;
  readonly letter: string;
  readonly place: readonly number[];
  readonly at: number;
}

/** `(declare-const X_0 Real)` or `(declare-fun X_0 () Real)` */
export function readElement({ items, at }: List, source: Source): Declared {
  const [head, name, ...rest] = items;
  const withArguments = (head as Word).text === "declare-fun";
  const none = rest[0];
  if (withArguments && !(none?.kind === "list" && none.items.length === 0))
    fail(source, none?.at ?? at, "functions of arguments are not part of VNN-LIB; write (declare-fun X_0 () Real)");
  const [type, ...more] = withArguments ? rest.slice(1) : rest;
  if (name?.kind !== "word" || type?.kind !== "word" || more.length > 0)
    return fail(source, at, "write (declare-const X_0 Real)");
  if (type.text !== "Real") fail(source, type.at, `"${type.text}" is no type of VNN-LIB 1.0, which has Real alone`);
  const match = ELEMENT.exec(name.text);
  if (!match)
    return fail(
      source,
      name.at,
      `"${name.text}" is no variable of VNN-LIB 1.0: inputs are X_0, X_1, …, outputs Y_0, …`,
    );
  return { name: name.text, letter: match[1]!, place: match[2]!.split("-").map(Number), at: name.at };
}

/** The tensors X and Y that declared elements make. */
export function tensorsOf(declared: readonly Declared[], scope: Scope): Variable[] {
  const { source } = scope;
  const tensors = [
    ["X", "input"],
    ["Y", "output"],
  ] as const;
  return tensors.map(([letter, role]) => {
    const own = declared.filter((one) => one.letter === letter);
    const [one] = own;
    if (!one) return fail(source, 0, `declares no ${role} ${letter}_0; add (declare-const ${letter}_0 Real)`);
    const shape = one.place.map((_, axis) =>
      own.reduce((most, { place }) => Math.max(most, (place[axis] ?? 0) + 1), 0),
    );
    const seen = new Map<number, Declared>();
    for (const each of own) {
      if (each.place.length !== shape.length)
        fail(source, each.at, `${each.name} has another number of axes than ${one.name}`);
      const k = each.place.reduce((sum, index, axis) => sum * shape[axis]! + index, 0);
      if (seen.has(k)) fail(source, each.at, `${each.name} is declared twice`);
      seen.set(k, each);
    }
    const size = shape.reduce((product, dim) => product * dim, 1);
    const called = { name: letter, naming: "joined", shape } as const;
    if (seen.size < size) {
      const lost = [...seen.keys()].toSorted((a, b) => a - b).findIndex((k, i) => k !== i);
      fail(
        source,
        own.at(-1)!.at,
        `${elementName(called, lost < 0 ? seen.size : lost)} is not declared; declare all elements`,
      );
    }
    const { first } = numbered(shape, scope, one.at);
    const position = positionIn(source.text, one.at);
    return { ...called, role, type: "Real", first, size, position };
  });
}
