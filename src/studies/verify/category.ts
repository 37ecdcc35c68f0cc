/** @file A category of the competitions: its instances, what is known of them, and how answers compare with that. */

import { readCsvRows } from "../../formats/csv.ts";
import { FormatError } from "../../formats/error.ts";
import { median } from "../../stats/summary.ts";
import type { Ended } from "../verify.ts";
import type { Decision } from "./types.ts";

/** A line of `instances.csv`: files by their paths in the category's folder, and the competition's limit in seconds. */
export interface Listed {
  readonly onnx: string;
  readonly vnnlib: string;
  readonly limit: number;
}

/**
 * `agrees` and `contradicts`: both are `sat` or `unsat`. `refutes`: the answer is `sat`, by an input whose outputs were checked
 * on the file, and the list says `unsat`: the list is wrong.
 */
export type Comparison = "agrees" | "contradicts" | "refutes";

export interface Answer extends Listed {
  readonly verdict: Decision["verdict"] | "error";
  readonly seconds: number;
  /** What decided. */
  readonly method: string | null;
  /** What the list of known verdicts says, in its words; null without such a list, or where it has no such instance. */
  readonly truth: string | null;
  readonly comparison: Comparison | null;
  /** File of the values of all variables, of `sat`. */
  readonly witness: string | null;
  readonly detail: string | null;
}

/** @throws FormatError naming the line */
export function readListed(bytes: Uint8Array): Listed[] {
  const listed = readCsvRows(bytes).map(({ number, cells }): Listed => {
    const [onnx = "", vnnlib = "", limit = ""] = cells;
    const seconds = limit === "" ? Number.NaN : Number(limit);
    if (onnx !== "" && vnnlib !== "" && seconds >= 0) return { onnx, vnnlib, limit: seconds };
    throw new FormatError("CSV", `line ${number} is not "onnx,vnnlib,seconds"`);
  });
  if (listed.length === 0) throw new FormatError("CSV", "the file lists no instance");
  return listed;
}

const keyOf = (onnx: string, vnnlib: string): string => [onnx, vnnlib].map((path) => path.replace(/^\.\//, "")).join();

/** Of an instance the verdict that is known. @throws FormatError where columns are missing */
export function readTruth(bytes: Uint8Array): (instance: Listed) => string | undefined {
  const [head, ...rows] = readCsvRows(bytes);
  const [onnx, vnnlib, verdict] = ["onnx", "vnnlib", "verdict"].map((name) => {
    const at = head?.cells.indexOf(name) ?? -1;
    if (at < 0) throw new FormatError("CSV", `the first line names no column "${name}"`);
    return at;
  }) as [number, number, number];
  const known = new Map(rows.map(({ cells }) => [keyOf(cells[onnx] ?? "", cells[vnnlib] ?? ""), cells[verdict]]));
  return (instance) => known.get(keyOf(instance.onnx, instance.vnnlib));
}

const baseOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The first so many, or those of which a path or its last part matches, `*` standing for anything and `?` for one letter. */
export function pickListed(listed: readonly Listed[], only: string): Listed[] {
  if (/^\d+$/.test(only)) return listed.slice(0, Number(only));
  const escaped = only.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  const pattern = new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  return listed.filter(({ onnx, vnnlib }) =>
    [onnx, vnnlib, `${onnx},${vnnlib}`].some((path) => pattern.test(path) || pattern.test(baseOf(path))),
  );
}

/** Names of files of witnesses, as the competition forms them; each once. */
export function witnessNames(listed: readonly Listed[]): string[] {
  const stem = (path: string) => baseOf(path).replace(/\.(onnx|vnnlib)$/, "");
  const taken = new Map<string, number>();
  return listed.map(({ onnx, vnnlib }) => {
    const name = `${stem(onnx)}_${stem(vnnlib)}`;
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    return `${name}${before > 0 ? `-${before + 1}` : ""}.counterexample`;
  });
}

export function compare(verdict: Answer["verdict"], truth: string | null): Comparison | null {
  const both = [verdict, truth].every((one) => one === "sat" || one === "unsat");
  if (!both) return null;
  if (verdict === truth) return "agrees";
  return verdict === "sat" ? "refutes" : "contradicts";
}

/** @param witness the file of the values, where there are any */
export function answerOf(instance: Listed, ended: Ended, truth: string | null, witness: string | null): Answer {
  const { decision, error, seconds } = ended;
  const verdict = decision?.verdict ?? "error";
  return {
    ...instance,
    verdict,
    seconds,
    method: decision?.method ?? null,
    truth,
    comparison: compare(verdict, truth),
    witness,
    detail: error?.message ?? decision?.detail ?? null,
  };
}

export interface Summary {
  readonly instances: number;
  readonly verdicts: Readonly<Record<Answer["verdict"], number>>;
  /** How many each method decided, the most first. */
  readonly methods: readonly (readonly [method: string, instances: number])[];
  readonly seconds: Spent;
  /** Of those that are decided. */
  readonly decidedSeconds: Spent;
  readonly comparisons: Readonly<Record<Comparison, number>>;
  /** Decided, where the list of known verdicts says neither. */
  readonly beyond: number;
}

interface Spent {
  readonly sum: number;
  /** Null of nothing. */
  readonly median: number | null;
}

const spent = (answers: readonly Answer[]): Spent => {
  const seconds = answers.map((answer) => answer.seconds);
  return {
    sum: seconds.reduce((sum, one) => sum + one, 0),
    median: seconds.length === 0 ? null : median(seconds),
  };
};

const isDecided = ({ verdict }: Answer): boolean => verdict === "sat" || verdict === "unsat";

export function summaryOf(answers: readonly Answer[]): Summary {
  const decided = answers.filter(isDecided);
  const methods = new Map<string, number>();
  for (const { method } of decided) methods.set(method ?? "", (methods.get(method ?? "") ?? 0) + 1);
  const count = (holds: (answer: Answer) => boolean) => answers.filter(holds).length;
  const verdicts = { sat: 0, unsat: 0, unknown: 0, "timed-out": 0, error: 0 };
  for (const { verdict } of answers) verdicts[verdict]++;
  return {
    instances: answers.length,
    verdicts,
    methods: [...methods].toSorted(([, a], [, b]) => b - a),
    seconds: spent(answers),
    decidedSeconds: spent(decided),
    comparisons: {
      agrees: count(({ comparison }) => comparison === "agrees"),
      contradicts: count(({ comparison }) => comparison === "contradicts"),
      refutes: count(({ comparison }) => comparison === "refutes"),
    },
    beyond: decided.filter(({ truth, comparison }) => truth !== null && comparison === null).length,
  };
}
