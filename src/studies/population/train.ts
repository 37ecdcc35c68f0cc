/** @file Trains the members of a population. */

import { faultOf, UserError } from "../../graph/fault.ts";
import { poisonKindOf, surrogateOf } from "../../methods/poison/index.ts";
import type { PlannedMember } from "../../methods/population/config.ts";
import { architectureFile, architectureName } from "../../methods/train/config.ts";
import { trainingMethodOf } from "../../methods/train/index.ts";
import type { KeyedJob } from "../../runtime/jobs.ts";
import { recordOfEach } from "../each.ts";
import { member as memberKind } from "../jobs/members/kinds.ts";
import type { MemberInput, MemberRecord } from "../jobs/members/train.ts";
import type { ModelBlob } from "../jobs/subject.ts";
import { plainOf } from "../plain.ts";
import type { PopulationTerms, TaskData, Trained } from "./terms.ts";

/** Clean members first where a poisoning is computed on one of them. */
export async function trainMembers(
  plan: readonly PlannedMember[],
  data: TaskData,
  terms: PopulationTerms,
): Promise<readonly Trained[]> {
  const first = plan.filter((member) => !needsSurrogate(member));
  const later = plan.filter(needsSurrogate);
  const before = await trainEach(first, null, data, terms);
  // the first member is a clean one
  const after = later.length === 0 ? [] : await trainEach(later, before[0]!.model, data, terms);
  const found = new Map([...before, ...after].map((trained) => [trained.member, trained]));
  return plan.map((member) => found.get(member)!);
}

const needsSurrogate = ({ config: { poison } }: PlannedMember): boolean =>
  poison !== undefined && poisonKindOf(poison).needsSurrogate === true && surrogateOf(poison) === undefined;

const nameOf = ({ id }: PlannedMember): string => `models/${id}.onnx`;

/** @param clean the surrogate of members that state none and need one */
async function trainEach(
  members: readonly PlannedMember[],
  clean: ModelBlob | null,
  data: TaskData,
  terms: PopulationTerms,
): Promise<Trained[]> {
  const { place, files, onTrained } = terms;
  const jobs: KeyedJob<MemberInput, MemberRecord>[] = [];
  // one recipe, one architecture
  const like = members[0] ? await likeOf(members[0], terms) : null;
  for (const member of members) {
    const others = { surrogate: clean ?? (await statedSurrogate(member, terms)), like };
    jobs.push(jobOf(member, others, data, terms));
  }
  const records = await recordOfEach("training", memberKind, jobs, terms, {
    async holds({ sha256 }, index) {
      const bytes = await files.read(nameOf(members[index]!));
      return bytes !== undefined && (await place.keep(bytes)) === sha256;
    },
    async settle({ onnx, ...record }, index) {
      await files.write(nameOf(members[index]!), onnx!);
      await place.keep(onnx!);
      return { ...record, onnx: null };
    },
    onEnd: onTrained,
  });
  return members.map((member, i) => {
    const record = records[i]!;
    const model = { fileName: nameOf(member), model: record.sha256, external: [], choice: {} };
    return { member, record, model, surrogate: jobs[i]!.input.surrogate };
  });
}

const jobOf = (
  member: PlannedMember,
  { surrogate, like }: Pick<MemberInput, "surrogate" | "like">,
  { samples, test }: TaskData,
  { place }: PopulationTerms,
): KeyedJob<MemberInput, MemberRecord> => {
  const { id, config } = member;
  return {
    kind: memberKind.id,
    label: `training ${id}`,
    input: { name: nameOf(member), config, samples, test, surrogate, like },
    key: {
      model: like?.model ?? architectureName(config),
      method: { id: memberKind.id, version: trainingMethodOf(config.method.kind).version },
      options: { config: plainOf(config), surrogate: surrogate?.model, assay: place.version },
      chunk: `${samples} ${test}`,
    },
  };
};

const statedSurrogate = async ({ config: { poison } }: PlannedMember, terms: PopulationTerms) =>
  named("poison.surrogate", surrogateOf(poison), terms);

const likeOf = async ({ config }: PlannedMember, terms: PopulationTerms) =>
  named("train.architecture", architectureFile(config), terms);

/** @throws UserError naming the recipe's key */
async function named(key: string, path: string | undefined, { sources }: PopulationTerms): Promise<ModelBlob | null> {
  if (path === undefined) return null;
  try {
    return await sources.model(path);
  } catch (error) {
    const fault = faultOf(error);
    if (fault === undefined) throw error;
    throw new UserError(fault, `population recipe: ${key}: ${(error as Error).message}`, { cause: error });
  }
}
