/** @file What is wrong with a query, and where. */

/** Place in a text: both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One line: file:line:column, what is the matter, the way out. */
export class VnnLibError extends Error {
  override readonly name = "VnnLibError";
  readonly fault = "unsupported";

  constructor(file: string, { line, column }: Position, fact: string) {
    super(`${file}:${line}:${column}: ${fact}`);
  }
}

/** Where in a text; columns count characters. */
export function positionIn(text: string, at: number): Position {
  const before = text.slice(0, at);
  const start = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let i = before.indexOf("\n"); i >= 0; i = before.indexOf("\n", i + 1)) line++;
  return { line, column: at - start + 1 };
}
