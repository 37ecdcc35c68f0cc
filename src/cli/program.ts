/** @file The command line as commander sees it, made from the tables of verbs and options. */

import { Command, CommanderError, Option } from "commander";
import { UserError, usage } from "../graph/fault.ts";
import { TOOL, VERSION } from "../local/version.ts";
import { resumeMainThread } from "../runtime/node-guard.ts";
import { EXIT, explain } from "./errors.ts";
import type { Io } from "./io.ts";
import type { OptionSpec } from "./options/spec.ts";
import { flagName, OPTIONS, type OptionKey, optionKey } from "./options.ts";
import { settingsFor } from "./settings.ts";
import type { Words } from "./standard-words.ts";
import type { Verb } from "./verb.ts";
import { VERBS } from "./verbs.ts";

const ABOUT = "Examine a neural network before you rely on it: attack it, prove it robust, and decide.";

const EXITS = `
Exit codes: 0 passed, 1 a finding fails the gate, 2 usage, 3 model or data unsupported,
            4 internal error or soundness alarm, 5 undecided, 130 interrupted,
            143 terminated.`;

export async function runProgram(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.passed;
  const program = new Command(TOOL).description(ABOUT).version(VERSION).addHelpText("after", EXITS);
  program
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError();
  // only help names methods: a run loads its own alone
  const asksHelp = argv.some((word) => ["-h", "--help", "help"].includes(word));
  const words = asksHelp ? (await import("./standard-words.ts")).standardWords : () => ({});
  for (const verb of VERBS) {
    program.addCommand(
      commandOf(verb, words(verb.name), async (argument, raw, second) => {
        code = await withInterrupt((signal) => verb.run(argument, raw, { ...ioOf(signal, argv), second }));
      }),
    );
  }
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.passed;
    const line = `${error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ")}${longerFlag(error.message, argv)}`;
    throw usage(error.code === "commander.help" ? `name a verb: ${TOOL} --help lists them` : line);
  }
  return code;
}

/** Flags that begin with an unknown one, where commander finds none that is like it: `--eps` for `--epsilon`. */
function longerFlag(message: string, argv: readonly string[]): string {
  const [, typed] = /unknown option '--([\w-]+)/.exec(message) ?? [];
  if (typed === undefined || message.includes("Did you mean")) return "";
  const options = VERBS.find(({ name }) => name === argv[0])?.options ?? [];
  const longer = [...new Set(options.map(flagName))].filter((flag) => flag.startsWith(typed));
  return longer.length === 0 ? "" : ` (Did you mean ${longer.map((flag) => `--${flag}`).join(" or ")}?)`;
}

type Action = (argument: string, raw: Readonly<Record<string, unknown>>, second?: string) => Promise<void>;

function commandOf(verb: Verb, words: Words, action: Action): Command {
  const command = new Command(verb.name).summary(verb.summary).description(`${verb.summary}\n\n${verb.details}`);
  command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError();
  if (verb.argument !== undefined) {
    command.argument(verb.argumentOptional ? `[${verb.argument}]` : `<${verb.argument}>`, verb.argumentHelp);
  }
  if (verb.second) command.argument(`[${verb.second.name}]`, verb.second.help);
  for (const key of verb.options) command.addOption(optionOf(key, words));
  return command.action(async (...args: unknown[]) => {
    const argument = verb.argument === undefined ? "" : ((args[0] as string | undefined) ?? "");
    const raw = command.opts<Record<string, unknown>>();
    // commander gives `--no-x` options a value though nobody stated one
    const stated = Object.entries(raw).filter(([name]) => command.getOptionValueSource(name) === "cli");
    const second = verb.second ? (args[1] as string | undefined) : undefined;
    const typed = Object.fromEntries(stated);
    const { values, line } = settingsFor(verb, VERBS, typed, process.cwd());
    if (line !== undefined) process.stderr.write(`${line}\n`);
    await action(argument, { ...values, ...typed }, second);
  });
}

function optionOf(key: OptionKey, words: Words): Option {
  const spec: OptionSpec = OPTIONS[key];
  const word = words[key] ?? spec.default;
  const standard = word === undefined ? "" : ` (default: ${word})`;
  const option = new Option(spec.flag, `${spec.help}${standard}`);
  if (spec.repeatable) {
    option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  }
  if (optionKey(key) !== option.attributeName()) throw new Error(`option ${spec.flag} has two names`);
  return option;
}

/** As a shell takes it for the same word. */
export const shellWord = (word: string): string =>
  /^[\w./:=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

const ioOf = (signal: AbortSignal, argv: readonly string[]): Io => ({
  print: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
    }),
  stderr: process.stderr,
  signal,
  command: [TOOL, ...argv.map(shellWord)].join(" "),
});

/** The first Ctrl-C or SIGTERM asks for an orderly end, the second one ends. */
async function withInterrupt(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  let code: number = EXIT.interrupted;
  const stop = (name: NodeJS.Signals) => {
    if (name === "SIGTERM") code = EXIT.terminated;
    if (controller.signal.aborted) process.exit(code);
    controller.abort(new UserError("interrupted", "interrupted"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  resumeMainThread();
  try {
    return await run(controller.signal);
  } catch (error) {
    if (code === EXIT.terminated && explain(error).code === EXIT.interrupted) {
      process.stderr.write(`${TOOL}: ${explain(error).line}\n`);
      return EXIT.terminated;
    }
    throw error;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}
