/** @file The public surface of the library: what programs may import. Everything else may change without notice. */

export { confirmContract } from "./data/confirm.ts";
export {
  type Contract,
  ContractError,
  type InferredContract,
  inferContract,
  type Prepared,
  prepare,
  type StatedContract,
} from "./data/contract.ts";
export { type Dataset, limit, sample, select } from "./data/dataset.ts";
export { DataError, type LoadOptions, loadDataset } from "./data/files.ts";
export { OnnxError, UnsupportedError } from "./formats/onnx/error.ts";
export { type ExportOptions, exportOnnx } from "./formats/onnx/export.ts";
export { type ImportOptions, importOnnx, type OnnxModel } from "./formats/onnx/import.ts";
export { bindBatch } from "./graph/bind.ts";
export { GraphError } from "./graph/check.ts";
export { type Dim, type Shape, ShapeError } from "./graph/dims.ts";
export { printGraph } from "./graph/print.ts";
export type { OpAttrs, OpName } from "./graph/signatures.ts";
export { float32Tensor, floatTensor, intTensor } from "./graph/tensor.ts";
export { makeGraph, outputOf } from "./graph/traverse.ts";
export type {
  Builder,
  ConstantValue,
  DType,
  Graph,
  InputValue,
  NodeValue,
  Output,
  Tensor,
  Value,
} from "./graph/types.ts";
export { type AuditFileOptions, auditFile } from "./local/audit-file.ts";
export { type BackdoorFileOptions, searchFile } from "./local/backdoor.ts";
export {
  type ExamineFileOptions,
  examineFile,
  type LocalExamination,
  type LocalOptions,
} from "./local/open.ts";
export { loadMethods } from "./local/plugins.ts";
export { type LikeOptions, type ModelsOptions, populationFromFiles, populationLike } from "./local/population-files.ts";
export { besides, type LocalStudy, openStudy, readStated, type StudyOptions } from "./local/studies.ts";
export { type AttackCheck, checkAttack } from "./methods/attack/check.ts";
export { attackOf, attacks, standardAttack } from "./methods/attack/index.ts";
export {
  type Attack,
  type AttackBatch,
  type AttackDefinition,
  AttackError,
  type AttackOptions,
  type AttackTerms,
  type Attempt,
  defineAttack,
  type PreparedAttack,
} from "./methods/attack/types.ts";
export { type Claim, type Recheck, recheck } from "./methods/attack/witness.ts";
export { checkDetector, type DetectorCheck } from "./methods/backdoor/check.ts";
export { type Decision, type DecisionTerms, decide } from "./methods/backdoor/decision.ts";
export { detectorOf, detectors, standardDetectors } from "./methods/backdoor/index.ts";
export { DEFAULT_IMAGES, detectorRandom } from "./methods/backdoor/material.ts";
export { damaged } from "./methods/backdoor/titration/damage.ts";
export { digestOf, readDigest, type TitrationDigest } from "./methods/backdoor/titration/digest.ts";
export { type JudgedLean, judgeLean, type LeanProfile, type LeanTerms } from "./methods/backdoor/titration/lean.ts";
export { type TitrateOptions, titrate } from "./methods/backdoor/titration/titrate.ts";
export type {
  Mode as TitrationMode,
  NoiseKind,
  Tally as TitrationTally,
  TitrationCurve,
} from "./methods/backdoor/titration/types.ts";
export {
  type CaseFacts,
  type Detection,
  type Detector,
  DetectorError,
  defineDetector,
  detect,
  type Material,
  type NamedDetection,
  type Need,
  type TimedDetection,
  type TypedDetector,
} from "./methods/backdoor/types.ts";
export { type MethodEntry, methods } from "./methods/index.ts";
export { describeModel, type NodeReport } from "./methods/inspect.ts";
export type { OwnMethods } from "./methods/modules.ts";
export { type Network, NetworkError, type Normalisation, networkOf } from "./methods/network.ts";
export { type FileInterface, type Original, originalOf, runOriginal } from "./methods/original.ts";
export { type Geometry, geometryOf } from "./methods/picture.ts";
export type { PoisonConfig } from "./methods/poison/config.ts";
export { poisonKinds } from "./methods/poison/index.ts";
export { attackSuccess, cleanAccuracy, type Planted, type Predict, predictorOf } from "./methods/poison/measure.ts";
export { type Poisoned, poisonSamples, poisonStream, triggerOf } from "./methods/poison/poison.ts";
export type { Pictures, PoisonKind, Surrogate, Trigger } from "./methods/poison/types.ts";
export { type PopulationRecipe, parsePopulationRecipe } from "./methods/population/config.ts";
export { architectureHash, type DataFacts, dataFacts, weightScales } from "./methods/population/facts.ts";
export {
  cleanScans,
  type ModelFacts,
  matchPopulation,
  PopulationError,
  type PopulationMatch,
  readPopulation,
} from "./methods/population/reference.ts";
export type { Member, Population, Scan } from "./methods/population/types.ts";
export { type Samples, samplesOf } from "./methods/samples.ts";
export { parseTrainConfig, type TrainConfig, TrainConfigError } from "./methods/train/config.ts";
export { runTraining, type TrainDependencies, type TrainEvent, type TrainResult } from "./methods/train/train.ts";
export { checkVerifier, type VerifierCheck } from "./methods/verify/check.ts";
export { auditVerifiers, verifierOf, verifiers } from "./methods/verify/index.ts";
export {
  defineVerifier,
  type PreparedVerifier,
  type Verifier,
  type VerifierDefinition,
  type VerifyOptions,
} from "./methods/verify/types.ts";
export { evaluateGraph } from "./ops/evaluate.ts";
export { builder, check, ops } from "./ops/index.ts";
export type { Interval, LinearBounds, OpRecord, SlopeRule } from "./ops/op.ts";
export { simplify } from "./ops/simplify.ts";
export { type Rng, rng } from "./random/rng.ts";
export { type ReportOptions, reportOf } from "./report/audit/report-of.ts";
export { billOfMaterialsOf } from "./report/ci/bill-of-materials.ts";
export { junitOf } from "./report/ci/junit.ts";
export { markdownOf } from "./report/ci/markdown.ts";
export { sarifOf } from "./report/ci/sarif.ts";
export { compareReports, comparisonText } from "./report/compare.ts";
export { renderHtml } from "./report/html.ts";
export { parseReport, ReportError } from "./report/parse.ts";
export type { AuditReport } from "./report/schema.ts";
export { renderText } from "./report/text.ts";
export type { Blobs, Executor, Host, Job, JobKey, Outcome, Place, Store, Stored } from "./runtime/jobs.ts";
export { createRuntime, type NodeRuntimeOptions, openModel } from "./runtime/node.ts";
export { type LoadedModel, loadModel } from "./runtime/node-model.ts";
export {
  type CompileOptions,
  type Device,
  type Feeds,
  type Port,
  RunError,
  type Runtime,
  type Session,
} from "./runtime/session.ts";
export { type Ball, ballOf } from "./spec/ball.ts";
export { type Batch, type Classifier, classification, marginSpec, targetSpec } from "./spec/classification.ts";
export { rowsOf, sliceQueries } from "./spec/queries.ts";
export { boxOfSet, isInside, within } from "./spec/sets.ts";
export type {
  Arithmetic,
  BallSet,
  Box,
  InputRows,
  InputSet,
  LinearSpec,
  Norm,
  Queries,
  SpecRows,
  Threat,
} from "./spec/types.ts";
export { type RowBounds, type Shortfall, type UnknownReason, type Verdict, verdictOf } from "./spec/verdict.ts";
export { checkWitnesses, type RunFile, type Witness, type WitnessCheck } from "./spec/witness.ts";
export { type Proportion, proportion } from "./stats/proportion.ts";
export { type AlarmEvidence, SoundnessAlarm } from "./studies/alarm.ts";
export { type Attacked, type AttackRequest, attack, attackEach, attackMinimal } from "./studies/attack.ts";
export { type Audited, type AuditRequest, audit } from "./studies/audit/audit.ts";
export type { Gate } from "./studies/audit/codes.ts";
export { PROFILES as gateProfiles } from "./studies/audit/gate.ts";
export { type BackdoorRequest, backdoor, type Searched } from "./studies/backdoor/backdoor.ts";
export type { ModelAlone } from "./studies/backdoor/case.ts";
export type { Reference } from "./studies/backdoor/reference.ts";
export type { BackdoorFile, DetectorResult, ReferenceResult } from "./studies/backdoor/results.ts";
export type { BoxFacts, GivenBox, SetTerms } from "./studies/boxes.ts";
export { type Certified, type CertifyRequest, certify, certifyEach, certifyMinimal } from "./studies/certify.ts";
export { type Answers, answersOf, answersOfResults, compareAnswers, compareEach } from "./studies/compare/compare.ts";
export type { Comparison } from "./studies/compare/types.ts";
export type { Ended, RunTerms } from "./studies/each.ts";
export { parseEvaluation, type Stated } from "./studies/evaluation/config.ts";
export { type Evaluated, type EvaluationTerms, evaluate } from "./studies/evaluation/evaluate.ts";
export type { EvaluationConfig, EvaluationFile } from "./studies/evaluation/types.ts";
export { type Examination, type ExamineOptions, examine } from "./studies/examination.ts";
export type { Files, Sources } from "./studies/files.ts";
export { type Inputs, type InputTerms, inputsFor } from "./studies/inputs.ts";
export type { ReadModel } from "./studies/jobs/subject.ts";
export { type Populated, populate } from "./studies/population/populate.ts";
export type { PopulationTerms } from "./studies/population/terms.ts";
export { countingProgress, type Progress, type Step } from "./studies/progress.ts";
export type { Provenance } from "./studies/result-facts.ts";
export type { NamedResult, ResultFile, SweepFile, VerdictName } from "./studies/result-schema.ts";
export type { Bisection } from "./studies/sweep.ts";
export type { MakeWitnesses, Witnesses } from "./studies/witnesses.ts";
export { gradient } from "./transforms/gradient.ts";
export { type IntervalOptions, interval } from "./transforms/interval.ts";
export {
  type Bounds,
  backwardBoxes,
  type Domain,
  domainBoxes,
  expandForRelax,
  intervalBoxes,
  linearBounds,
  type RelaxOptions,
  type Rows,
} from "./transforms/relax/index.ts";
export { UnsupportedReading } from "./transforms/unsupported.ts";
