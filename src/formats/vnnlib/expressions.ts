/** @file S-expressions: the text of a query as nested lists, with the place of each. */

import { positionIn, VnnLibError } from "./error.ts";

export interface Word {
  readonly kind: "word" | "string";
  readonly text: string;
  /** Offset in the text. */
  readonly at: number;
}

/** `[d1,d2,…]`: a shape, or the place of an element. */
export interface Index {
  readonly kind: "index";
  readonly numbers: readonly number[];
  readonly at: number;
}

export interface List {
  readonly kind: "list";
  readonly items: readonly Expression[];
  readonly at: number;
}

export type Expression = Word | Index | List;

/** Text with the name of its file: what errors point into. */
export interface Source {
  readonly text: string;
  readonly file: string;
}

/** @throws VnnLibError always */
export const fail = ({ text, file }: Source, at: number, fact: string): never => {
  throw new VnnLibError(file, positionIn(text, at), fact);
};

/** A word ends before any of these. */
const ENDS = /[\s()[\];"]/g;

/** @throws VnnLibError where brackets or quotes do not match */
export function readExpressions(source: Source): readonly Expression[] {
  const { text } = source;
  const top: Expression[] = [];
  const open: { readonly items: Expression[]; readonly at: number }[] = [{ items: top, at: 0 }];
  const add = (one: Expression) => open.at(-1)!.items.push(one);
  for (let i = text.charCodeAt(0) === 0xfeff ? 1 : 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === "(") open.push({ items: [], at: i });
    else if (char === ")") {
      if (open.length === 1) fail(source, i, 'this ")" closes nothing; remove it');
      add({ kind: "list", ...open.pop()! });
    } else if (char === ";") i = endOfLine(text, i);
    else if (char === "[") {
      const end = text.indexOf("]", i);
      add({ kind: "index", numbers: numbersOf(source, i, end), at: i });
      i = end;
    } else if (char === '"') {
      const end = text.indexOf('"', i + 1);
      if (end < 0) fail(source, i, 'this quote is not closed; end it with "');
      add({ kind: "string", text: text.slice(i + 1, end), at: i });
      i = end;
    } else if (char === "]") fail(source, i, 'this "]" closes nothing; remove it');
    else if (!/\s/.test(char)) {
      ENDS.lastIndex = i + 1;
      const end = ENDS.test(text) ? ENDS.lastIndex - 1 : text.length;
      add({ kind: "word", text: text.slice(i, end), at: i });
      i = end - 1;
    }
  }
  if (open.length > 1) fail(source, open.at(-1)!.at, 'this "(" is not closed; is the file cut short?');
  return top;
}

const endOfLine = (text: string, from: number): number => {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
};

function numbersOf(source: Source, start: number, end: number): number[] {
  if (end < 0) return fail(source, start, 'this "[" is not closed; end it with ]');
  const inner = source.text.slice(start + 1, end).trim();
  if (inner === "") return [];
  return inner.split(",").map((part) => {
    const number = /^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN;
    return Number.isSafeInteger(number)
      ? number
      : fail(source, start, `"${part.trim()}" is no size or index; write whole numbers, such as [1,5]`);
  });
}
