/** @file The contract of every method's options, over the table of families. */

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { attacks } from "./attack/index.ts";
import { detectors } from "./backdoor/index.ts";
import { methods } from "./index.ts";
import { checkStated, optionFacts, parseOptions, type Setting, withShared } from "./options.ts";
import { verifiers } from "./verify/index.ts";

const configurable = [...attacks, ...verifiers, ...detectors];
const withOptions = configurable.filter(({ options }) => Object.keys(options(z)).length > 0);

/** Values of every kind, some of them mad. */
const OTHERS: readonly Setting[] = [-1, 0, 1, 1.5, 3, 1e300, true, false, "no such word", "", null];

describe.each(methods.map(({ family, method }) => [family.id, method.id, { family, method }] as const))(
  "%s %s",
  (_, __, { family, method }) => {
    test("says of each of its options what it is and what it may be", () => {
      for (const { about, values, name } of optionFacts(z, family.schema(method, z))) {
        expect(name).toMatch(/^[a-z][A-Za-z]*$/);
        expect(about.length).toBeGreaterThan(5);
        expect(values).not.toBe("any");
      }
    });
  },
);

describe.each(configurable.map((method) => [method.id, method] as const))("%s", (id, method) => {
  const schemas = method.options(z);
  const names = Object.keys(schemas);

  test("its options are settings, and their standard values are within bounds", async () => {
    expect(Object.keys(method.settings)).toEqual(expect.arrayContaining(names));
    const standard = Object.fromEntries(names.map((name) => [name, method.settings[name]!]));
    expect(await parseOptions(method, standard)).toEqual(standard);
    expect(method.with(standard).isStandard).toBe(true);
  });

  test("an unknown option is refused with those that there are", async () => {
    const refused = await parseOptions(method, { "no-such": 1 }).catch((error: Error) => error.message);
    expect(refused).toContain(`${id} has no option "no-such".`);
    expect(refused).toContain(names.length === 0 ? "It has none." : `It has ${names.join(", ")}.`);
  });

  test("what was stated is all that differs, and the record itself stays as it was", () => {
    for (const name of Object.keys(method.settings)) {
      const own = method.with({ [name]: "other" });
      expect(own).toMatchObject({ id, settings: { ...method.settings, [name]: "other" }, isStandard: false });
      expect(own.stated).toEqual({ [name]: "other" });
      expect(own.with({ [name]: method.settings[name] }).isStandard).toBe(true);
    }
    expect(method.isStandard).toBe(true);
    expect(method.stated).toEqual({});
  });
});

describe.each(
  withOptions.flatMap((method) => Object.keys(method.options(z)).map((name) => [method.id, name, method] as const)),
)("%s: %s", (id, name, method) => {
  test("takes what its bounds allow and nothing else, from whoever states it", async () => {
    const schema = method.options(z)[name]!;
    const taken = OTHERS.filter((value) => schema.safeParse(value).success);
    const refused = OTHERS.filter((value) => !schema.safeParse(value).success);
    expect(refused.length).toBeGreaterThan(0);
    for (const value of taken) expect(await parseOptions(method, { [name]: value })).toEqual({ [name]: value });
    for (const value of refused) {
      const message = new RegExp(`^${id}: ${name}=.*It is: .+; options of ${id} are .*${name}`);
      await expect(parseOptions(method, { [name]: value })).rejects.toThrow(message);
      await expect(checkStated([method.with({ [name]: value })])).rejects.toThrow(message);
    }
  });
});

test("options for all go to those that have them; what one was given by itself stays", () => {
  const [first, ...rest] = attacks.filter(({ settings }) => "steps" in settings);
  const without = attacks.filter(({ settings }) => !("steps" in settings));
  expect([rest.length, without.length]).not.toContain(0);
  const chosen = withShared([first!.with({ steps: 3 }), ...rest, ...without], { steps: 7, loss: undefined });
  expect(chosen.map(({ settings }) => settings["steps"])).toEqual([
    3,
    ...rest.map(() => 7),
    ...without.map(() => undefined),
  ]);
  expect(() => withShared(without, { steps: 7 })).toThrow(
    `--steps: no such option of ${without.map(({ id }) => id).join(", ")}`,
  );
});
