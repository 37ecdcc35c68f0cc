/** @file A query's condition as cases: conditions of inputs alone, each with what the outputs may not do there. */

import { fail } from "../../formats/vnnlib/expressions.ts";
import type { Constraint, Formula, Variable, VnnLib } from "../../formats/vnnlib/types.ts";

export interface Case {
  /** All of them hold. */
  readonly inputs: readonly Constraint[];
  /** All of one of them hold; one without conditions holds always. */
  readonly outputs: readonly (readonly Constraint[])[];
}

/** Conjunctions that a query may come to: more take longer to write down than to decide. */
const MAX_CONJUNCTIONS = 100_000;

const ALWAYS: Case = { inputs: [], outputs: [[]] };
const isFree = ({ outputs }: Case): boolean => outputs.length === 1 && outputs[0]!.length === 0;

/** Which kind of variable an element is of. */
type RoleOf = (element: number) => Variable["role"];

function roleIn(query: VnnLib): RoleOf {
  const variables = query.networks.flatMap((network) => network.variables);
  return (element) => variables.find(({ first, size }) => element >= first && element < first + size)!.role;
}

/** @throws VnnLibError where one comparison has inputs and outputs, or a hidden variable, or there are too many cases */
export function casesOf(query: VnnLib): readonly Case[] {
  return casesIn(query.formula, query, roleIn(query));
}

function casesIn(formula: Formula, query: VnnLib, roleOf: RoleOf): readonly Case[] {
  if (formula.kind === "constraint") return caseOf(formula, query, roleOf);
  const parts = formula.parts.map((part) => casesIn(part, query, roleOf));
  const cases = formula.kind === "or" ? merged(parts.flat()) : allOf(parts, query, formula.at);
  return within(cases, query, formula.at);
}

function caseOf(constraint: Constraint, query: VnnLib, roleOf: RoleOf): readonly Case[] {
  const { terms, bound, strict, at } = constraint;
  const roles = new Set(terms.map(({ element }) => roleOf(element)));
  if (roles.size > 1)
    return fail(
      query,
      at,
      "compares inputs with outputs; only conditions of inputs alone or outputs alone are decided",
    );
  const [role] = roles;
  if (role === "hidden") return fail(query, at, "speaks of a hidden variable; only inputs and outputs are decided");
  // all variables have cancelled: 0 ≤ bound
  if (role === undefined) return bound.n > 0n || (bound.n === 0n && !strict) ? [ALWAYS] : [];
  return [role === "input" ? { inputs: [constraint], outputs: [[]] } : { inputs: [], outputs: [[constraint]] }];
}

/** Cases of the same inputs are one. */
function merged(cases: readonly Case[]): Case[] {
  const found = new Map<string, Case>();
  for (const one of cases) {
    const key = one.inputs.map(({ at, bound, terms }) => `${at}/${bound.n}/${terms[0]?.coefficient.n}`).join();
    const known = found.get(key);
    found.set(key, known ? { ...known, outputs: [...known.outputs, ...one.outputs] } : one);
  }
  return [...found.values()];
}

function allOf(parts: readonly (readonly Case[])[], query: VnnLib, at: number): readonly Case[] {
  if (parts.some(({ length }) => length === 0)) return [];
  // most parts are a bound each: these are put together at once
  const plain = parts.filter((part) => part.length === 1 && isFree(part[0]!)).map((part) => part[0]!);
  const others = parts.filter((part) => !(part.length === 1 && isFree(part[0]!)));
  const start: Case = { inputs: plain.flatMap(({ inputs }) => inputs), outputs: [[]] };
  return others.reduce<readonly Case[]>(
    (cases, part) =>
      within(
        cases.flatMap((one) => part.map((other) => both(one, other, query, at))),
        query,
        at,
      ),
    [start],
  );
}

const both = (a: Case, b: Case, query: VnnLib, at: number): Case => {
  tooMany(a.outputs.length * b.outputs.length, query, at);
  return {
    inputs: [...a.inputs, ...b.inputs],
    outputs: a.outputs.flatMap((own) => b.outputs.map((other) => [...own, ...other])),
  };
};

function within(cases: readonly Case[], query: VnnLib, at: number): readonly Case[] {
  tooMany(
    cases.reduce((sum, { outputs }) => sum + outputs.length, 0),
    query,
    at,
  );
  return cases;
}

function tooMany(count: number, query: VnnLib, at: number): void {
  if (count > MAX_CONJUNCTIONS)
    fail(query, at, `comes to more than ${MAX_CONJUNCTIONS} cases; ask several smaller queries`);
}
