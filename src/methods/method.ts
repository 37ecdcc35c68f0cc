import type { ModuleFile } from "../runtime/jobs.ts";
import type { Norm } from "../spec/types.ts";
import { type Configurable, type Declared, type Settings, schemaOf, type Zod } from "./options.ts";

/** What every method says of itself: the command line, the report and the docs are made from it. */
export interface MethodDescription {
  /** As on the command line: `crown`, `pgd`, … */
  readonly id: string;
  /** Raised when results change: part of the key of stored results. */
  readonly version: number;
  readonly title: string;
  /** One sentence for people who choose. */
  readonly summary: string;
  readonly source: string;
}

type Run = MethodDescription & Pick<Configurable<unknown>, "settings" | "module">;

/** A method's settings, with the module that it comes from where that is somebody's own. */
export const statedSettings = ({ settings, module }: Pick<Run, "settings" | "module">): Settings =>
  module ? { ...settings, module: fileName(module), sha256: module.sha256 } : settings;

const fileName = ({ url }: ModuleFile): string => decodeURIComponent(new URL(url).pathname.split("/").at(-1)!);

export const moduleText = (module: ModuleFile): string => `${fileName(module)}, SHA-256 ${module.sha256}`;

/** All that a run of the method depends on beside the model and the inputs. @param asked what it was asked */
export const settingsOf = (run: Run, asked: Settings = {}): Settings => ({
  version: run.version,
  ...statedSettings(run),
  ...asked,
});

/** A method about a ball around an input. */
export interface BallMethod extends MethodDescription {
  readonly norms: readonly Norm[];
  /** What its family runs where none is named: one of each. */
  readonly standard?: true;
}

/** What a family of such methods says of each. */
export const normFacts = {
  schema: (method: Declared, z: Zod) => schemaOf(z, method),
  pages: "methods",
  scope: { name: "norms", of: ({ norms }: BallMethod): string => norms.join(" ") },
  facts: ({ norms }: BallMethod) => [["Norms", norms.join(", ")]] as const,
  plain: ({ norms }: BallMethod) => ({ norms }),
};
