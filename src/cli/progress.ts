/** @file What a person sees while it works: one line on stderr with the time left, or nothing where nobody looks. */

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

/** @param quiet says nothing but what `say` is given */
export async function createProgress(stderr: NodeJS.WriteStream, quiet: boolean): Promise<Progress> {
  const bar = quiet || !stderr.isTTY ? undefined : await makeBar(stderr);
  let [done, total, what] = [0, 0, ""];
  let begun = 0;
  let started = false;
  const payload = () => {
    const seconds = (performance.now() - begun) / 1000;
    return { what, left: done > 0 ? timeLeft((seconds / done) * (total - done)) : "" };
  };
  return {
    expect(units, name) {
      what = name;
      if (done >= total) {
        // what went before is finished: the bar is about this step
        [done, total, begun] = [0, 0, performance.now()];
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
