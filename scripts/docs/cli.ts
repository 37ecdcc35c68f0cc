/** @file The page of the command line, from the tables of verbs and options. */

import type { OptionSpec } from "../../src/cli/options/spec.ts";
import { OPTIONS, type OptionKey } from "../../src/cli/options.ts";
import { standardWords, type Words } from "../../src/cli/standard-words.ts";
import type { Verb } from "../../src/cli/verb.ts";
import { VERBS } from "../../src/cli/verbs.ts";

const HEAD = `# The command line

Generated from the tables in \`src/cli\` by \`npm run docs\`; do not edit.

Results go to stdout, progress and notes to stderr. \`--config FILE\` takes a JSON object of the same options under their
long names (\`"epsilon": "8/255"\`); what stands on the command line wins. \`assay VERB --help\` says the same as this page.

The same options are taken from an \`assay.config.json\`, or the key \`"assay"\` of a \`package.json\`, in the current folder or the nearest one
above it, and a line "settings from …" says which. Keys at its top are for every verb that has such an option; an object under a
verb's name is for that verb alone, and wins. What is typed wins over both, \`--config\` is taken in its place, and a key that no verb knows is refused. Paths in it are relative to it.

\`\`\`json
{
  "$schema": "./node_modules/assay/docs/schemas/config.schema.json",
  "data": "data/test.npz",
  "mean": 0.1307,
  "std": 0.3081,
  "epsilon": "8/255",
  "audit": { "minAccuracy": 0.95, "sample": 300 }
}
\`\`\`

Options of a method stand behind its name: \`--method fgsm,pgd:steps=100,restarts=5,square\`, and the same for \`--detector\`. A part
with \`=\` and without \`:\` belongs to the method before it. In a config file a method may be an object:
\`"method": [{"id": "pgd", "steps": 100}, "fgsm"]\`. \`assay methods --explain NAME\` lists the options of a method.
\`--steps\`, \`--step-size\` (\`relativeStep\`), \`--restarts\` and \`--loss\` set those options of all methods that have them; what stands behind a name wins. A detector
with other settings than the standard ones is shown, and takes no part in the verdict.

| exit code | meaning |
|---|---|
| 0 | passed: nothing fails the gate (without \`--gate\`, \`attack\` and \`certify\` have none) |
| 1 | a finding fails the gate, or \`backdoor\` flags the model |
| 2 | usage: an option, a name or a path is wrong, or a place cannot be written |
| 3 | the model or the data is not supported, or they do not fit together |
| 4 | internal error, a full disk, or a soundness alarm |
| 5 | undecided: the gate lies between what is proved and what is falsified, or the detectors cannot tell |
| 130 | interrupted; what was finished is kept for \`--resume\` |
`;

const TAIL = `## Results as JSON

\`attack\` and \`certify\` write results whose form is published: [results.md](results.md).

\`backdoor\` writes:

\`\`\`text
{tool, version, model: {path, sha256}, data: {name, images, labels} | null, training: {name, images} | null, seed,
 reference: {name, path, clean, smallestP, used, reason} | null,
 detectors: [{name, version, settings, flagged, score, pValue, target, seconds, reason, ownPValue, evidence}],
 verdict: {flagged, target, kind, pValue, threshold, reason}, notes: [text]}
\`\`\`

\`flagged\` of a detector is its own paper's rule, null where it has none or did not run; \`reason\` says which. \`pValue\`
compares the score with the clean models of the reference population; without one it is \`ownPValue\`, by the detector's
own null distribution. \`seconds\` are processor time. \`evidence\` is the detector's own: titration's holds its curves.
\`verdict.kind\` is \`statistical\` (a known rate of false alarms), \`heuristic\` or \`undecided\`. \`data.labels\` is
\`model\` where the data has none and the model's own answers stand for them.

## Resuming

Finished jobs are kept in \`.assay/\` in the current folder, by the hash of everything they depend on. After Ctrl-C, or a
crash, the same command with \`--resume\` computes only what is missing. Delete the folder to free its space.
`;

const cell = (text: string): string => text.replaceAll("|", "\\|");

function optionRow(key: OptionKey, words: Words): string {
  const spec: OptionSpec = OPTIONS[key];
  const word = words[key] ?? spec.default;
  const standard = word === undefined ? "" : ` (default: ${word})`;
  return `| \`${spec.flag}\` | ${cell(spec.help)}${standard}${spec.repeatable ? " (repeatable)" : ""} |`;
}

function verbSection({ name, argument, argumentHelp, second, summary, details, options }: Verb): string {
  const words = [name, ...(argument === undefined ? [] : [argument.toUpperCase()])];
  const usage = [...words, ...(second ? [`[${second.name.toUpperCase()}]`] : [])].join(" ");
  const helped = [
    ...(argumentHelp === undefined ? [] : [{ name: argument!, help: argumentHelp }]),
    ...(second ? [second] : []),
  ];
  const about = helped.map((word) => ` \`${word.name.toUpperCase()}\`: ${word.help}.`).join("");
  return `## assay ${usage}

${summary[0]!.toUpperCase()}${summary.slice(1)}.${about} ${details}

| option | |
|---|---|
${options.map((key) => optionRow(key, standardWords(name))).join("\n")}
`;
}

export const renderCli = (): string => [HEAD, ...VERBS.map(verbSection), TAIL].join("\n");
