/** @file Does an assignment satisfy a query? Decided without rounding, by what the text says. */

import { add, compare, type Decimal, fromDouble, multiply, toDouble, ZERO } from "./decimal.ts";
import type { Constraint, Formula, VnnLib } from "./types.ts";

/** @param values of all elements, by their numbers; what is no number satisfies no comparison */
export const satisfies = ({ formula }: VnnLib, values: ArrayLike<number>): boolean => meets(formula, values);

function meets(formula: Formula, values: ArrayLike<number>): boolean {
  switch (formula.kind) {
    case "and":
      return formula.parts.every((part) => meets(part, values));
    case "or":
      return formula.parts.some((part) => meets(part, values));
    case "constraint":
      return obeys(formula, values);
  }
}

function obeys({ terms, bound, strict }: Constraint, values: ArrayLike<number>): boolean {
  if (!terms.every(({ element }) => Number.isFinite(values[element]!))) {
    const sum = terms.reduce((total, { element, coefficient }) => total + toDouble(coefficient) * values[element]!, 0);
    return sum === Number.NEGATIVE_INFINITY;
  }
  const sum = terms.reduce<Decimal>(
    (total, { element, coefficient }) => add(total, multiply(coefficient, fromDouble(values[element]!))),
    ZERO,
  );
  const order = compare(sum, bound);
  return strict ? order < 0 : order <= 0;
}
