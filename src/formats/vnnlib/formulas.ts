/** @file Assertions as linear constraints: and, or, comparisons of sums and products. */

import { add, type Decimal, multiply, negate, parseDecimal, ZERO } from "./decimal.ts";
import { elementName } from "./declarations.ts";
import { type Expression, fail, type List, type Source } from "./expressions.ts";
import type { Constraint, Formula, Term, Variable } from "./types.ts";

/** What formulas may speak of. */
export interface Names {
  readonly source: Source;
  /** The number of an element and its type; undefined where there is none of that name. @param index of a tensor's element */
  element(name: string, index: readonly number[] | undefined, at: number): { number: number; type: string } | undefined;
}

const ONE: Decimal = { n: 1n, e: 0 };
const MINUS_ONE = negate(ONE);
const COMPARISONS = ["<=", ">=", "<", ">", "==", "=", "!="];
/** Nested deeper than anyone writes; the way through is a recursion. */
const MAX_DEPTH = 500;

/** @throws VnnLibError */
export function readFormula(expression: Expression, names: Names, depth = 0): Formula {
  const { source } = names;
  const { at } = expression;
  const head = expression.kind === "list" ? expression.items[0] : undefined;
  if (expression.kind !== "list" || head?.kind !== "word")
    return fail(source, at, "this is no condition; write (<= X_0 1), (and …) or (or …)");
  if (depth > MAX_DEPTH) return fail(source, at, `conditions are nested more than ${MAX_DEPTH} deep`);
  const rest = expression.items.slice(1);
  if (head.text === "and" || head.text === "or") {
    if (rest.length === 0) return fail(source, at, `(${head.text}) of nothing; give it at least one condition`);
    return { kind: head.text, parts: rest.map((part) => readFormula(part, names, depth + 1)), at };
  }
  if (!COMPARISONS.includes(head.text))
    return fail(source, head.at, `"${head.text}" is no condition; known are and, or, ${COMPARISONS.join(", ")}`);
  return readComparison(head.text, expression, names, depth);
}

function readComparison(operator: string, { items, at }: List, names: Names, depth: number): Formula {
  const { source } = names;
  const operands = operandsOf(items.slice(1), names, depth);
  const [left, right] = operands;
  if (operands.length !== 2 || !left || !right)
    return fail(source, at, `${operator} compares two terms, not ${operands.length}`);
  const sides = sumOf([left, negated(right)]);
  const [type, ...more] = sides.types;
  if (type === undefined) return fail(source, at, "compares numbers alone; a comparison needs a variable");
  if (more.length > 0) fail(source, at, `compares ${sides.types.join(" with ")}; both sides have one type`);
  if (sides.fraction && /^u?int/.test(type)) fail(source, at, `a fraction is no ${type}; write whole numbers`);
  const atMost = (linear: Linear, strict: boolean): Constraint => ({
    kind: "constraint",
    strict,
    terms: linear.terms.filter(({ coefficient }) => coefficient.n !== 0n),
    bound: negate(linear.constant),
    at,
  });
  switch (operator) {
    case "<=":
    case "<":
      return atMost(sides, operator === "<");
    case ">=":
    case ">":
      return atMost(negated(sides), operator === ">");
    default: {
      const strict = operator === "!=";
      return { kind: strict ? "or" : "and", parts: [atMost(sides, strict), atMost(negated(sides), strict)], at };
    }
  }
}

// ---------------------------------------------------------------- terms

/** Σ c·v + constant. */
interface Linear {
  /** Each element at most once. */
  readonly terms: readonly Term[];
  readonly constant: Decimal;
  /** Of the elements in it; more than one only until that is refused. */
  readonly types: readonly string[];
  /** A number in it is not whole. */
  readonly fraction: boolean;
}

/** The terms in a list; an element may be a word and an index. */
function operandsOf(items: readonly Expression[], names: Names, depth: number): Linear[] {
  const found: Linear[] = [];
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    const next = items[i + 1];
    if (item.kind === "word" && next?.kind === "index") {
      found.push(elementOf(item.text, next.numbers, names, item.at));
      i++;
    } else found.push(readTerm(item, names, depth + 1));
  }
  return found;
}

function readTerm(item: Expression, names: Names, depth: number): Linear {
  const { source } = names;
  const { at } = item;
  if (item.kind === "word") return wordTerm(item.text, names, at);
  const head = item.kind === "list" ? item.items[0] : undefined;
  if (item.kind !== "list" || head?.kind !== "word" || !["+", "-", "*"].includes(head.text))
    return fail(source, at, "this is no term; write a number, a variable, (+ …), (- …) or (* …)");
  if (depth > MAX_DEPTH) return fail(source, at, `terms are nested more than ${MAX_DEPTH} deep`);
  const operands = operandsOf(item.items.slice(1), names, depth);
  const [first, ...rest] = operands;
  if (!first) return fail(source, at, `(${head.text}) of nothing; give it a term`);
  if (head.text === "+") return sumOf(operands);
  if (head.text === "-") return rest.length === 0 ? negated(first) : sumOf([first, ...rest.map(negated)]);
  return rest.reduce((product, one) => {
    const [sum, factor] = product.terms.length > 0 ? [product, one] : [one, product];
    if (factor.terms.length > 0)
      return fail(source, at, "a product of variables is not linear; only linear queries are decided");
    return { ...scaled(sum, factor.constant), fraction: sum.fraction || factor.fraction };
  }, first);
}

function wordTerm(text: string, names: Names, at: number): Linear {
  const value = parseDecimal(text);
  if (value === "range") return fail(names.source, at, `${text} is beyond the range of 64-bit numbers`);
  if (value === undefined) return elementOf(text, undefined, names, at);
  return { terms: [], constant: value, types: [], fraction: value.e < 0 };
}

function elementOf(name: string, index: readonly number[] | undefined, names: Names, at: number): Linear {
  const found = names.element(name, index, at);
  if (!found) return fail(names.source, at, `"${name}" is neither a number nor declared`);
  return {
    terms: [{ element: found.number, coefficient: ONE }],
    constant: ZERO,
    types: [found.type],
    fraction: false,
  };
}

function sumOf(parts: readonly Linear[]): Linear {
  const filled = parts.filter(({ terms }) => terms.length > 0);
  return {
    terms: filled.length === 1 ? filled[0]!.terms : collected(filled),
    constant: parts.reduce((total, part) => add(total, part.constant), ZERO),
    types: filled.length === 1 ? filled[0]!.types : [...new Set(filled.flatMap(({ types }) => types))],
    fraction: parts.some(({ fraction }) => fraction),
  };
}

/** Terms of the same element added up. */
function collected(parts: readonly Linear[]): Term[] {
  const terms = new Map<number, Decimal>();
  for (const part of parts)
    for (const { element, coefficient } of part.terms) terms.set(element, add(terms.get(element) ?? ZERO, coefficient));
  return Array.from(terms, ([element, coefficient]) => ({ element, coefficient }));
}

const scaled = (linear: Linear, by: Decimal): Linear => ({
  ...linear,
  terms: linear.terms.map(({ element, coefficient }) => ({ element, coefficient: multiply(coefficient, by) })),
  constant: multiply(linear.constant, by),
});

const negated = (linear: Linear): Linear => scaled(linear, MINUS_ONE);

/** Elements of tensors by name and place, or one by one by name. */
export function namesOf(
  source: Source,
  tensors: ReadonlyMap<string, Variable>,
  single: ReadonlyMap<string, number>,
): Names {
  const typeOf = ({ type }: Variable) => (type === "real" ? "Real" : type);
  return {
    source,
    element(name, index, at) {
      const alone = index === undefined ? single.get(name) : undefined;
      if (alone !== undefined) return { number: alone, type: "Real" };
      const tensor = tensors.get(name);
      if (!tensor) return undefined;
      const { shape, first } = tensor;
      const place = index ?? [];
      const fits = place.length === shape.length && place.every((k, axis) => k < shape[axis]!);
      if (!fits)
        fail(
          source,
          at,
          `${name} has the shape [${shape}]; name one element, such as ${elementName(tensor, tensor.size - 1)}`,
        );
      return { number: first + place.reduce((sum, k, axis) => sum * shape[axis]! + k, 0), type: typeOf(tensor) };
    },
  };
}
