/** @file What a person sees while it works: a bar on stderr with the time left, or where no terminal is a line for each long stage. */

import type { Progress } from "../studies/progress.ts";

interface Bar {
  start(total: number, value: number, payload: { what: string; left: string }): void;
  setTotal(total: number): void;
  update(value: number, payload: { what: string; left: string }): void;
  stop(): void;
}

function timeLeft(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s left`;
  return `${Math.floor(whole / 60)} min ${whole % 60} s left`;
}

/** Stages of fewer seconds need no line. */
const LONG_SECONDS = 5;

/** @param quiet says nothing but what `say` is given @param now milliseconds */
export async function createProgress(
  stderr: Pick<NodeJS.WriteStream, "isTTY" | "write">,
  quiet: boolean,
  now: () => number = () => performance.now(),
): Promise<Progress> {
  const bar = quiet || !stderr.isTTY ? undefined : await makeBar(stderr as NodeJS.WriteStream);
  let [done, total, what] = [0, 0, ""];
  let begun = 0;
  let started = false;
  let stage: { readonly name: string; readonly from: number } | undefined;
  /** The stage is over: without a bar it gets its line. */
  const close = () => {
    const seconds = stage ? (now() - stage.from) / 1000 : 0;
    if (!bar && !quiet && stage && seconds >= LONG_SECONDS) stderr.write(`${stage.name}: ${Math.round(seconds)} s\n`);
    stage = undefined;
  };
  const payload = () => {
    const seconds = (now() - begun) / 1000;
    return { what, left: done > 0 ? timeLeft((seconds / done) * (total - done)) : "" };
  };
  return {
    expect(units, name) {
      if (stage?.name !== name) {
        close();
        stage = { name, from: now() };
      }
      what = name;
      if (done >= total) {
        // what went before is finished: the bar is about this step
        [done, total, begun] = [0, 0, now()];
      }
      total += units;
      if (!started) bar?.start(total, done, payload());
      started = true;
      bar?.setTotal(total);
      bar?.update(done, payload());
    },
    advance(units) {
      done += units;
      bar?.update(done, payload());
    },
    say(line) {
      if (bar) stderr.write("\r\u001b[K");
      stderr.write(`${line}\n`);
    },
    end() {
      close();
      bar?.stop();
    },
  };
}

async function makeBar(stderr: NodeJS.WriteStream): Promise<Bar> {
  const { SingleBar, Presets } = await import("cli-progress");
  const format = "{what} {bar} {percentage}% {left}";
  return new SingleBar(
    { format, stream: stderr, clearOnComplete: true, hideCursor: true, barsize: 30 },
    Presets.shades_classic,
  );
}
