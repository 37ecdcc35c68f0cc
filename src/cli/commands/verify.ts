import { readVnnLib } from "../../formats/vnnlib/read.ts";
import type { VnnLib } from "../../formats/vnnlib/types.ts";
import { UserError, usage } from "../../graph/fault.ts";
import { openPlace } from "../../local/open.ts";
import { checkOutputFile } from "../../local/output.ts";
import { keepFile, readPlain } from "../../local/query-files.ts";
import { queryVerifiers, verifyFamily } from "../../methods/verify/index.ts";
import { answerText } from "../../report/verify.ts";
import { verifyAll } from "../../studies/verify.ts";
import { readOptions } from "../config.ts";
import { deliver } from "../deliver.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { chooseMethods } from "../method-names.ts";
import { createProgress } from "../progress.ts";
import { verifyVerb } from "../verbs/verify.ts";

export async function verify(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options = readOptions(verifyVerb.options, raw);
  const { network, deadline, method, arithmetic, attack, seed, memory, out } = options;
  if (out !== undefined) checkOutputFile(out);
  const bytes = readPlain(path, "a VNN-LIB query");
  const query = readVnnLib(bytes, path);
  const file = networkFile(query, network ?? []);
  const verifiers = method ? await chooseMethods(verifyFamily, method, "linf") : queryVerifiers;
  const progress = await createProgress(io.stderr, false);
  await using place = openPlace({ workers: 1, progress });
  const instance = {
    query: await keepFile(place, path, bytes),
    model: await keepFile(place, file, readPlain(file, "an ONNX model")),
    seconds: deadline,
  };
  const [ended] = await verifyAll(place, [instance], {
    verifiers,
    arithmetic,
    attack: attack !== false,
    seed,
    memory,
    signal: io.signal,
  });
  progress.end();
  const { decision, error, seconds } = ended!;
  if (!decision) throw new UserError(error!.refused ? "unsupported" : "stopped", error!.message);
  for (const { what, seconds: taken, decided, failed } of decision.steps) {
    const end = failed === undefined ? `${decided} of ${decision.cases} proved` : `ended early: ${failed}`;
    io.stderr.write(`${what}: ${taken.toFixed(2)} s, ${end}\n`);
  }
  if (decision.detail !== undefined) io.stderr.write(`${decision.detail}\n`);
  const { assignment, ...facts } = decision;
  const found = assignment && {
    inputs: Array.from(assignment.inputs),
    outputs: Array.from(assignment.outputs),
    exact: assignment.exact,
  };
  const result = {
    tool: "assay verify",
    query: path,
    network: file,
    seconds,
    ...facts,
    ...(found && { assignment: found }),
  };
  await deliver(result, options, [answerText(query, decision)], io);
  return ["sat", "unsat"].includes(decision.verdict) ? EXIT.passed : EXIT.undecided;
}

/** @throws UserError (usage) where networks and files do not match */
function networkFile({ networks, file }: VnnLib, stated: readonly string[]): string {
  const names = networks.flatMap(({ name, like }) => (like?.kind === "equal-to" ? [] : [name]));
  const [one] = stated;
  if (one === undefined || stated.length !== names.length) {
    const form = `--network ${names[0] ?? "NAME"}=model.onnx`;
    throw usage(
      `${file} asks of ${names.length} network(s), and ${stated.length} file(s) are given; name each with ${form}`,
    );
  }
  const at = one.indexOf("=");
  if (at < 0) return one;
  const name = one.slice(0, at);
  if (names[0] !== undefined && name !== names[0])
    throw usage(`${file} declares no network "${name}"; it declares ${names.join(", ")}`);
  return one.slice(at + 1);
}
