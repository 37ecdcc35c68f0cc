import type { z } from "zod";

export interface OptionSpec<T = unknown> {
  /** As commander takes it: `--epsilon <radius>`. */
  readonly flag: string;
  readonly help: string;
  /** Takes what the command line gives (strings, or `true`) and what JSON gives. */
  readonly schema: z.ZodType<T>;
  /** What holds when it is not given, in words; the value itself is the schema's default. */
  readonly default?: string;
  readonly repeatable?: boolean;
  /** Its values are paths, though its schema is another than that of one path. */
  readonly paths?: true;
}

/** Keeps the type of the value. */
export const define = <T>(spec: OptionSpec<T>): OptionSpec<T> => spec;
