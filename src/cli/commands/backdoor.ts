import { unsupportedInput, usage } from "../../graph/fault.ts";
import { loadInputs } from "../../local/inputs.ts";
import { readModel } from "../../local/model-file.ts";
import { openLocalModel } from "../../local/open.ts";
import { checkOutputFile } from "../../local/output.ts";
import { bundledReferences, readReference } from "../../local/reference.ts";
import { TOOL, VERSION } from "../../local/version.ts";
import { type Decision, decide } from "../../methods/backdoor/decision.ts";
import { backdoorFamily, standardDetectors } from "../../methods/backdoor/index.ts";
import { DEFAULT_IMAGES, LEAST_IMAGES } from "../../methods/backdoor/material.ts";
import { assumeInputs } from "../../studies/assumed-inputs.ts";
import { caseOf, modelFacts, type ScanCase, scanNotes } from "../../studies/backdoor/case.ts";
import { type Evidence, examineWith } from "../../studies/backdoor/detectors.ts";
import { compareWith, type Reference } from "../../studies/backdoor/reference.ts";
import { backdoorFile } from "../../studies/backdoor/results.ts";
import { checkLabels, type OpenModel } from "../../studies/examination.ts";
import type { Inputs } from "../../studies/inputs.ts";
import { summaryLines } from "../backdoor-text.ts";
import { readOptions } from "../config.ts";
import { deliver } from "../deliver.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import type { Io } from "../io.ts";
import { chooseDetectors } from "../method-names.ts";
import { type Options, statedContract } from "../options.ts";
import { openSession, runOptions, statedInputs } from "../session.ts";
import { backdoorVerb } from "../verbs/backdoor.ts";

type BackdoorOptions = Options<(typeof backdoorVerb.options)[number]>;

export async function backdoor(path: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options: BackdoorOptions = readOptions(backdoorVerb.options, raw);
  const chosen = options.detector
    ? await chooseDetectors(backdoorFamily, options.detector)
    : standardDetectors(options.training !== undefined);
  if (options.images !== undefined && options.images < LEAST_IMAGES) {
    throw usage(`--images ${options.images}: detectors need at least ${LEAST_IMAGES}`);
  }
  if (options.out !== undefined) checkOutputFile(options.out);
  const stated = options.reference === undefined ? undefined : readReference(options.reference);
  await using subject = await openCase(path, withScanOf(stated, options), io);
  const { session, facts, inputs } = subject;
  const compared = compareWith(stated, modelFacts(subject, session.place.digest), bundledReferences);
  const training = await loadTraining(subject, options);
  const evidence: Evidence = { facts, inputs, training: training?.chunk, seed: session.seed };
  const examined = await examineWith(session.engine, chosen, evidence);
  session.progress.end();
  const decision = decide({ detections: examined, reference: compared.population });
  const file = backdoorFile({
    tool: TOOL,
    version: VERSION,
    model: { path, sha256: session.model.sha256 },
    data: subject.data,
    training: training === undefined ? null : { name: training.dataset.name, images: training.chunk.labels.length },
    seed: session.seed,
    reference: compared.result,
    notes: [...subject.notes, ...scanNotes(compared, subject, chosen)],
    naming: subject.like?.naming,
    examined,
    decision,
  });
  await deliver(file, options, summaryLines(file, chosen), io);
  return exitCode(decision);
}

/** Scores can be compared only where the model is scanned as the population was. */
const withScanOf = (stated: Reference | undefined, options: BackdoorOptions): BackdoorOptions & { images: number } => {
  const scan = stated?.population.scan;
  const seed = options.seed ?? scan?.seed;
  return { ...options, images: options.images ?? scan?.images ?? DEFAULT_IMAGES, ...(seed !== undefined && { seed }) };
};

function exitCode({ flagged }: Decision): ExitCode {
  if (flagged === null) return EXIT.undecided;
  return flagged ? EXIT.failed : EXIT.passed;
}

type Case = ScanCase &
  AsyncDisposable & {
    readonly session: OpenModel;
    readonly notes: readonly string[];
    readonly like: Inputs | undefined;
  };

function openCase(path: string, options: BackdoorOptions & { images: number }, io: Io): Promise<Case> {
  return options.data === undefined ? openWithoutInputs(path, options, io) : openWithInputs(path, options, io);
}

async function openWithInputs(path: string, options: BackdoorOptions & { images: number }, io: Io): Promise<Case> {
  const session = await openSession(path, { ...options, sample: options.images }, io, { check: checkInputs });
  const { inputs: like, labelled } = session;
  return {
    ...caseOf(session),
    session,
    like,
    notes: labelled ? [] : [`${like.dataset.name} has no labels: the model's own answers stand for them.`],
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

async function openWithoutInputs(path: string, options: BackdoorOptions, io: Io): Promise<Case> {
  const model = await readModel(path, options);
  const { shape, contract, geometry, domain, normalisation } = await assumeInputs(model, statedContract(options));
  const session = await openLocalModel(model, normalisation, await runOptions(options, io));
  const { shape: inputShape } = contract.contract;
  const taken = contract.items.map(({ item, value, basis }) => `${item} ${value} (${basis})`).join(", ");
  return {
    session,
    like: undefined,
    facts: { classes: session.network.classes, inputShape, geometry, domain },
    shape,
    inputs: undefined,
    data: null,
    notes: [`No inputs confirm how the model takes pixels: ${taken}.`],
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** @throws UserError (unsupported) for too few inputs, and for pictures whose pixels lie outside every known range */
function checkInputs({ dataset, chunk, domain }: Inputs): void {
  const count = chunk.labels.length;
  if (count < LEAST_IMAGES) {
    throw unsupportedInput(
      `${dataset.name}: ${count} ${count === 1 ? "input" : "inputs"}, but detectors need at least ${LEAST_IMAGES}; give more, or leave it away to examine the model by itself`,
    );
  }
  if (dataset.shape.length !== 3 || domain !== undefined) return;
  const [low, high] = dataset.images.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)] as const,
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const,
  );
  throw unsupportedInput(
    `${dataset.name}: pixels between ${low} and ${high} are neither in 0 to 1 nor whole numbers in 0 to 255; bring them there, and say with --range, --mean and --std what the model takes`,
  );
}

/** @throws UserError (unsupported) where it has no labels, or other inputs than the model takes */
async function loadTraining({ session, facts, like }: Case, options: BackdoorOptions): Promise<Inputs | undefined> {
  if (options.training === undefined) return undefined;
  const { labels: _, ...stated } = statedInputs(options);
  const loading = { ...stated, data: options.training, split: "train", seed: session.seed, like } as const;
  const training = await loadInputs(session.model, loading);
  checkInputs(training);
  const { dataset, contract, domain } = training;
  if (dataset.labels === undefined) {
    throw unsupportedInput(`${dataset.name}: training data without labels; give it in a form that has them`);
  }
  checkLabels(training, facts.classes);
  const { shape } = contract.contract;
  if (`${shape}` !== `${facts.inputShape}` || `${domain}` !== `${facts.domain}`) {
    throw unsupportedInput(
      `${dataset.name}: training inputs [${shape}] are not what the other inputs are, [${facts.inputShape}]`,
    );
  }
  return training;
}
