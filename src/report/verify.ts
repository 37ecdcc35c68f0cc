/** @file The answer to a query in the form of VNN-LIB 2.1; of version 1.0 in that of the competitions. */

import { parseDecimal, plainText } from "../formats/vnnlib/decimal.ts";
import { elementName } from "../formats/vnnlib/declarations.ts";
import type { Variable, VnnLib } from "../formats/vnnlib/types.ts";
import type { Assignment, Decision } from "../studies/verify/types.ts";

/** `sat`, `unsat`, `unknown` or `timed-out`, and of `sat` the values of all variables. */
export const answerText = (query: VnnLib, { verdict, assignment }: Decision): string =>
  assignment ? `${verdict}\n${assignmentText(query, assignment)}` : verdict;

/** The values of all variables, in the order of their declaration. */
export function assignmentText({ version, networks }: VnnLib, { inputs, outputs, exact }: Assignment): string {
  const variables = networks.flatMap((network) => network.variables);
  const values = [...inputs, ...outputs].map(shortest);
  for (const { input, value } of exact) values[input] = value;
  const valuesOf = ({ first, size }: Variable) => values.slice(first, first + size);
  if (version.major === 2) {
    const texts = variables.map((one) => [`${one.name} ${one.type} [${one.shape}]`, ...valuesOf(one)].join("\n"));
    return texts.join("\n");
  }
  const lines = variables.flatMap((one) => valuesOf(one).map((value, k) => `(${elementName(one, k)} ${value})`));
  return `(${lines.join("\n")})`;
}

/** The shortest digits that are read as the same number, or what it is instead of one. */
const shortest = (value: number): string => {
  const read = parseDecimal(`${value}`);
  return read === undefined || read === "range" ? `${value}` : plainText(read);
};
