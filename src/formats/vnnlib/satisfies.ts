/** @file Does an assignment satisfy a query? Decided without rounding, by what the text says. */

import { add, compare, type Decimal, fromDouble, multiply, toDouble, ZERO } from "./decimal.ts";
import type { Constraint, Formula, VnnLib } from "./types.ts";

/**
 * @param values of all elements, by their numbers; what is no number satisfies no comparison
 * @param exact elements whose values are decimals that no float64 is
 */
export const satisfies = (
  { formula }: VnnLib,
  values: ArrayLike<number>,
  exact: ReadonlyMap<number, Decimal> = new Map(),
): boolean => meets(formula, { values, exact });

interface Point {
  readonly values: ArrayLike<number>;
  readonly exact: ReadonlyMap<number, Decimal>;
}

function meets(formula: Formula, point: Point): boolean {
  switch (formula.kind) {
    case "and":
      return formula.parts.every((part) => meets(part, point));
    case "or":
      return formula.parts.some((part) => meets(part, point));
    case "constraint":
      return obeys(formula, point);
  }
}

function obeys({ terms, bound, strict }: Constraint, { values, exact }: Point): boolean {
  if (!terms.every(({ element }) => Number.isFinite(values[element]!))) {
    const sum = terms.reduce((total, { element, coefficient }) => total + toDouble(coefficient) * values[element]!, 0);
    return sum === Number.NEGATIVE_INFINITY;
  }
  const sum = terms.reduce<Decimal>(
    (total, { element, coefficient }) =>
      add(total, multiply(coefficient, exact.get(element) ?? fromDouble(values[element]!))),
    ZERO,
  );
  const order = compare(sum, bound);
  return strict ? order < 0 : order <= 0;
}
