import { join } from "node:path";
import { readVnnLib } from "../../formats/vnnlib/read.ts";
import { usage } from "../../graph/fault.ts";
import { type Category, openInstances, readCategory } from "../../local/category.ts";
import { jsonPieces } from "../../local/json-pieces.ts";
import { openPlace, STORE } from "../../local/open.ts";
import { checkOutputFolder, writeWhole } from "../../local/output.ts";
import { readPlain } from "../../local/query-files.ts";
import { VERSION } from "../../local/version.ts";
import { queryVerifiers, verifyFamily } from "../../methods/verify/index.ts";
import { alarmText, answerLine, answersCsv, summaryLines } from "../../report/category.ts";
import { answerText } from "../../report/verify.ts";
import {
  type Answer,
  answerOf,
  type Listed,
  pickListed,
  summaryOf,
  witnessNames,
} from "../../studies/verify/category.ts";
import { type Ended, verifyAll } from "../../studies/verify.ts";
import { deliver } from "../deliver.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { chooseMethods } from "../method-names.ts";
import { createProgress } from "../progress.ts";
import type { BenchOptions } from "../verbs/bench.ts";

export async function benchVnncomp(options: BenchOptions, io: Io): Promise<number> {
  const { deadline = Number.POSITIVE_INFINITY, only, method, arithmetic, attack, seed, memory, jobs, resume } = options;
  if (io.second === undefined) throw usage("name the folder of a category: assay bench vnncomp FOLDER");
  const category = readCategory(io.second);
  const listed = only === undefined ? category.listed : pickListed(category.listed, only);
  if (listed.length === 0) throw usage(`--only ${only}: no instance of ${category.name} is like that`);
  const out = options.out ?? join("report/bench-vnncomp", category.name);
  checkOutputFolder(out);
  const verifiers = method ? await chooseMethods(verifyFamily, method, "linf") : queryVerifiers;
  const progress = await createProgress(io.stderr, false);
  await using place = openPlace({ workers: jobs, store: STORE, progress });
  const instances = await openInstances(category, listed, place, deadline);
  const kept = keeper(category, listed, out);
  progress.expect(instances.length, "deciding instances");
  const terms = { verifiers, arithmetic, attack: attack !== false, seed, memory, resume, keepsTimeouts: true };
  await verifyAll(place, instances, { ...terms, signal: io.signal }, (index, ended, stored) => {
    // an interrupted one has no answer
    if (io.signal.aborted && !ended.decision?.method) return;
    const answer = kept.note(index, ended);
    progress.say(`${kept.count()} of ${listed.length}: ${answerLine(answer)}${stored ? " (kept)" : ""}`);
    const alarm = alarmText(answer);
    if (alarm !== undefined) progress.say(alarm);
    progress.advance(1);
  });
  progress.end();
  const answers = kept.answers();
  const summary = summaryOf(answers);
  const result = {
    tool: "assay bench vnncomp",
    version: VERSION,
    command: io.command.replace(/ --resume\b/, ""),
    category: category.name,
    threads: place.workers,
    mostSeconds: Number.isFinite(deadline) ? deadline : null,
    methods: verifiers.map(({ id, version }) => `${id}/${version}`),
    summary,
    answers,
  };
  writeWhole(join(out, "results.json"), jsonPieces(result));
  const alarms = answers.flatMap((answer) => alarmText(answer) ?? []);
  const lines = [
    ...alarms,
    ...summaryLines(summary, category.name, category.truth !== undefined),
    join(out, "results.csv"),
  ];
  await deliver(result, { json: options.json }, lines, io);
  return summary.comparisons.contradicts > 0 ? EXIT.failed : EXIT.passed;
}

/** What is known so far, as files: an interruption leaves them as they are. */
function keeper({ folder, truth }: Category, listed: readonly Listed[], out: string) {
  const names = witnessNames(listed);
  const answers: (Answer | undefined)[] = listed.map(() => undefined);
  const found = () => answers.filter((answer) => answer !== undefined);
  return {
    answers: found,
    count: () => found().length,
    note(index: number, ended: Ended): Answer {
      const instance = listed[index]!;
      const { decision } = ended;
      const witness = decision?.assignment ? names[index]! : null;
      if (decision && witness !== null) {
        const query = readVnnLib(readPlain(join(folder, instance.vnnlib), "a VNN-LIB query"), instance.vnnlib);
        writeWhole(join(out, witness), `${answerText(query, decision)}\n`);
      }
      const answer = answerOf(instance, ended, truth?.(instance) ?? null, witness);
      answers[index] = answer;
      writeWhole(join(out, "results.csv"), answersCsv(found()));
      return answer;
    },
  };
}
