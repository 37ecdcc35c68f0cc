/**
 * @file Options of a method: their standard values as plain data, their bounds and meaning as a schema. The schema is made
 * only where somebody states one: methods load on every thread, and zod takes longer to load than all of them.
 */

import type * as zod from "zod";
import { usage } from "../graph/fault.ts";
import { didYouMean } from "../graph/suggest.ts";
import type { ModuleFile } from "../runtime/jobs.ts";

export type Zod = typeof zod.z;
export type Setting = string | number | boolean | null;
export type Settings = Readonly<Record<string, Setting>>;

/** For each setting that can be stated what it may be, and its meaning by `describe`; its default is the setting. */
export type OptionSchemas<S extends Settings> = (z: Zod) => { readonly [K in keyof S]?: zod.ZodType<NoInfer<S[K]>> };

/** What a method says of its options. */
export interface Declared<S extends Settings = Settings> {
  /** All that a run depends on beside the model, the inputs and the version. What no option names is a constant. */
  readonly settings: S;
  readonly options: OptionSchemas<S>;
}

/** A method's family, by which a method from somebody's module is told apart from those of others. */
export type FamilyId = "attack" | "verify" | "backdoor";

/** @typeParam M the method */
export interface Configurable<M, S extends Settings = Settings> extends Declared<S> {
  readonly family: FamilyId;
  /** What it was defined by: one object, whatever options it is given, and another for every other method. */
  readonly definition: object;
  /** What `with` was given. */
  readonly stated: Settings;
  /** Where it comes from a module of one's own: other threads find it there. */
  readonly module: ModuleFile | undefined;
  /** It runs as it does where nothing is stated: only then do figures found with other models hold for it. */
  readonly isStandard: boolean;
  /** The method run with these in place of its own. Types alone are checked here: `checkStated` checks the bounds. */
  with(own: { readonly [K in keyof S]?: S[K] | undefined }): M;
  /** The same method, as other threads find it. */
  within(module: ModuleFile): M;
}

const defined = (own: Readonly<Record<string, unknown>>): Settings =>
  Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) as Settings;

/** These settings, but for what is stated otherwise. */
export const withStated = <S extends object>(settings: S, own: Readonly<Record<string, unknown>>): S => ({
  ...settings,
  ...defined(own),
});

/** A method with its options. @param make all else of the method as it runs with these settings */
export function configurable<S extends Settings, M extends Configurable<M, S>>(
  family: FamilyId,
  definition: Declared<S>,
  make: (settings: S) => Omit<M, keyof Configurable<M>>,
): M {
  const { settings: standard, options } = definition;
  const bind = (stated: Settings, module?: ModuleFile): M => {
    const settings = withStated(standard, stated);
    const own: Configurable<M, S> = {
      family,
      definition,
      module,
      options,
      settings,
      stated,
      isStandard: Object.entries(settings).every(([name, value]) => value === standard[name]),
      with: (more) => bind({ ...stated, ...defined(more) }, module),
      within: (file) => bind(stated, file),
    };
    // the parts make a whole, which the compiler cannot see of a type that it does not know
    return { ...make(settings), ...own } as unknown as M;
  };
  return bind({});
}

/** Of a method without options. */
export const NO_OPTIONS: Declared<Record<never, never>> = { settings: {}, options: () => ({}) };

/** An object of the method's options, each with its default. */
export const schemaOf = (z: Zod, { options, settings }: Declared): zod.ZodObject =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(options(z)).map(([name, schema]) => [
        name,
        schema!.default(settings[name]!).describe(schema!.description ?? ""),
      ]),
    ),
  );

type Named = Declared & { readonly id: string };

/**
 * Options that were stated for a method, checked.
 * @param read makes of what somebody wrote what the schema takes
 * @throws UserError (usage): one line with the options that there are
 */
export async function parseOptions(
  { id, ...declared }: Named,
  stated: Readonly<Record<string, unknown>>,
  read: (raw: unknown, schema: zod.ZodType) => unknown = (raw) => raw,
): Promise<Settings> {
  const { z } = await import("zod");
  const { shape } = schemaOf(z, declared) as zod.ZodObject<Record<string, zod.ZodType>>;
  const names = Object.keys(shape);
  return Object.fromEntries(
    Object.entries(stated).map(([name, raw]): [string, Setting] => {
      const schema = shape[name];
      if (schema === undefined) {
        const known = names.length === 0 ? "It has none." : `It has ${names.join(", ")}.`;
        throw usage(`${id} has no option "${name}".${didYouMean(name, names)} ${known}`);
      }
      const found = schema.safeParse(read(raw, schema));
      if (found.success) return [name, found.data as Setting];
      const [{ message }] = found.error.issues as [zod.ZodError["issues"][number]];
      const near = typeof raw === "string" ? didYouMean(raw, wordsOf(schema)) : "";
      throw usage(
        `${id}: ${name}=${typeof raw === "string" ? raw : JSON.stringify(raw)}: ${message[0]!.toLowerCase()}${message.slice(1)}.${near} It is: ${schema.description}; options of ${id} are ${names.join(", ")}.`,
      );
    }),
  );
}

/** The words that an option may be. */
function wordsOf(schema: zod.ZodType): string[] {
  const inner = (schema as { readonly def?: { readonly innerType?: unknown } }).def?.innerType;
  const { options } = (inner ?? schema) as { readonly options?: readonly unknown[] };
  return (options ?? []).filter((word) => typeof word === "string");
}

/** Settings that a program stated are held against their schemas; where none were, nothing is loaded. @throws UserError (usage) */
export async function checkStated(methods: readonly (Named & { readonly stated: Settings })[]): Promise<void> {
  for (const method of methods) if (Object.keys(method.stated).length > 0) await parseOptions(method, method.stated);
}

/** What options of several methods at once are called on the command line, where it is another word. */
const FLAGS: Readonly<Record<string, string>> = { relativeStep: "step-size" };

/**
 * The methods, each with those of the options that it has; what it was given by itself stays.
 * @throws UserError (usage) for an option that none of them has
 */
export function withShared<M extends Named & Configurable<M>>(
  methods: readonly M[],
  shared: Readonly<Record<string, Setting | undefined>>,
): readonly M[] {
  const given = defined(shared);
  for (const name of Object.keys(given)) {
    if (methods.some(({ settings }) => name in settings)) continue;
    throw usage(`--${FLAGS[name] ?? name}: no such option of ${methods.map(({ id }) => id).join(", ")}`);
  }
  return methods.map((method) => {
    const own = Object.fromEntries(Object.entries(given).filter(([name]) => name in method.settings));
    return method.with({ ...own, ...method.stated });
  });
}

/** An option for people: its name, its values in words, its default as JSON or why there is none, its meaning. */
export interface OptionFacts {
  readonly name: string;
  readonly values: string;
  readonly standard: string;
  readonly about: string;
}

interface Property {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Property[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
}

/** As JSON schema. */
export const jsonSchemaOf = (z: Zod, schema: zod.ZodObject) =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as {
    readonly properties?: Readonly<Record<string, Property>>;
    readonly required?: readonly string[];
  };

export function optionFacts(z: Zod, schema: zod.ZodObject): OptionFacts[] {
  const { properties = {}, required = [] } = jsonSchemaOf(z, schema);
  return Object.entries(properties).map(([name, property]) => {
    const missing = required.includes(name) ? "to be stated" : "none";
    const standard = property.default === undefined ? missing : JSON.stringify(property.default);
    return { name, values: valuesOf(property), standard, about: property.description ?? "" };
  });
}

/** No whole number is larger that stays whole. */
const WHOLE = Number.MAX_SAFE_INTEGER;

function valuesOf({ type, enum: words, const: word, anyOf, minimum, exclusiveMinimum, maximum }: Property): string {
  if (anyOf) return anyOf.map(valuesOf).join(" or ");
  if (words) return words.join(", ");
  if (word !== undefined) return `${word}`;
  const kind = type === "integer" ? "whole number" : type === "boolean" ? "true, false" : (type ?? "any");
  return [
    kind,
    ...(exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`]),
    ...(minimum === undefined || minimum === -WHOLE ? [] : [`from ${minimum}`]),
    ...(maximum === undefined || maximum === WHOLE ? [] : [`to ${maximum}`]),
  ].join(" ");
}
