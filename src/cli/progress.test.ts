import { expect, test } from "vitest";
import { createProgress } from "./progress.ts";

test("without a terminal each long stage gets one line with its seconds, short ones none", async () => {
  const lines: string[] = [];
  let now = 0;
  const stderr = { isTTY: false, write: (text: unknown) => lines.push(String(text)) > 0 };
  const progress = await createProgress(stderr as never, false, () => now);
  progress.expect(10, "attacking linf 0.1");
  now = 7000;
  progress.advance(10);
  // more of the same stage
  progress.expect(5, "attacking linf 0.1");
  now = 12_000;
  progress.advance(5);
  progress.expect(1, "proving");
  now = 13_000;
  progress.advance(1);
  progress.expect(1, "looking for backdoors");
  now = 33_400;
  progress.end();
  progress.end();
  expect(lines).toEqual(["attacking linf 0.1: 12 s\n", "looking for backdoors: 20 s\n"]);
  const quiet = await createProgress(stderr as never, true, () => now);
  quiet.expect(1, "training");
  now += 60_000;
  quiet.end();
  expect(lines).toHaveLength(2);
});
