import { describe, expect, test } from "vitest";
import { methodChoices } from "./method-choice.ts";

const plain = (name: string) => ({ name, options: {} });

describe("methods with their options", () => {
  test.each([
    ["a", [plain("a")]],
    ["a, b", [plain("a"), plain("b")]],
    [
      ["a,b", "c"],
      [plain("a"), plain("b"), plain("c")],
    ],
    ["a:x=1", [{ name: "a", options: { x: "1" } }]],
    // a part with "=" and without ":" is of the method before it
    ["a,b:x=1,y=2,c", [plain("a"), { name: "b", options: { x: "1", y: "2" } }, plain("c")]],
    ["a,x=1", [{ name: "a", options: { x: "1" } }]],
    ["a : x = 8/255 , b", [{ name: "a", options: { x: "8/255" } }, plain("b")]],
    ["a:x=0 0.5 1", [{ name: "a", options: { x: "0 0.5 1" } }]],
    ["a:x=u=v", [{ name: "a", options: { x: "u=v" } }]],
    [{ id: "a", x: 1 }, [{ name: "a", options: { x: 1 } }]],
    [
      [{ id: "a", x: true }, "b:y=2"],
      [
        { name: "a", options: { x: true } },
        { name: "b", options: { y: "2" } },
      ],
    ],
  ])("%j", (raw, choices) => {
    expect(methodChoices.parse(raw)).toEqual(choices);
  });

  test.each(
    ["x=1", ["a", "x=1"], "a:", "a:x", "a:=1", "x=1:a", [{ x: 1 }], { id: 3 }, 3, null, [["a"]]].map((raw) => [raw]),
  )("%j is refused", (raw) => {
    const { error } = methodChoices.safeParse(raw);
    expect(error?.issues.map(({ message }) => message).join()).toMatch(/^takes methods as NAME or NAME:OPTION=VALUE/);
  });
});
