/** @file What a verb is: its words and options, apart from the command that it runs, so that help loads no command. */

import type { Io } from "./io.ts";
import type { OptionKey } from "./options.ts";

/** For the program, its help and the docs. */
export interface VerbWords {
  readonly name: string;
  readonly argument?: string;
  readonly argumentHelp?: string;
  /** It may be left out, where an option stands for it. */
  readonly argumentOptional?: true;
  /** A second word that may be left out. */
  readonly second?: { readonly name: string; readonly help: string };
  readonly summary: string;
  readonly details: string;
  readonly options: readonly OptionKey[];
}

export interface Verb extends VerbWords {
  /** @returns the exit code */
  readonly run: (argument: string, raw: Readonly<Record<string, unknown>>, io: Io) => Promise<number>;
}

/** Keeps the type of the options. */
export const describeVerb = <const V extends VerbWords>(words: V): V => words;
