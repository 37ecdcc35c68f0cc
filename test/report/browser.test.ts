import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderHtml } from "../../src/report/html.ts";
import type { AuditReport } from "../../src/report/schema.ts";
import { CHROMIUM, CHROMIUM_ARGUMENTS } from "../support/chromium.ts";
import { longTest, PATIENT } from "../support/patience.ts";
import { suspiciousReport } from "./fixture.ts";
import { healthyReport, undecidedReport } from "./variants.ts";

/** Every free text replaced by a long one without a place to break. */
function strainedReport(): AuditReport {
  const long = "Wm".repeat(150);
  const report = suspiciousReport();
  return {
    ...report,
    command: long,
    decision: {
      ...report.decision,
      headline: long,
      reason: long,
      nextSteps: [long],
      answers: report.decision.answers.map((own) => ({ ...own, question: long, answer: long, measured: [long] })),
    },
    findings: report.findings.map((finding) => ({ ...finding, title: long, sentence: long })),
    model: {
      ...report.model,
      fileName: long,
      producer: long,
      ops: [{ op: long, count: 1 }],
      layers: report.model.layers.map((layer) => ({ ...layer, name: long, op: long, outputShape: [long] })),
      inputs: [{ name: long, shape: [long], type: long }],
    },
    data: { ...report.data, source: long, classNames: report.data.classNames.map(() => long) },
    backdoor: {
      ...report.backdoor!,
      verdict: { ...report.backdoor!.verdict, reason: long },
      reference: { ...report.backdoor!.reference!, name: long, recipe: long },
      signs: report.backdoor!.signs.map((sign) => ({ ...sign, sentence: long })),
      curves: report.backdoor!.curves.map((curve) => ({ ...curve, title: long })),
      detectors: report.backdoor!.detectors.map((own) => ({ ...own, title: long, reason: long })),
      nextSteps: [`\`${long}\``],
      settings: [{ name: long, value: long }],
    },
    runs: report.runs.map((run) => ({ ...run, method: long, options: { [long]: long } })),
    environment: [{ name: long, value: long }],
  };
}

const reports = {
  suspicious: suspiciousReport,
  healthy: healthyReport,
  undecided: undecidedReport,
  strained: strainedReport,
};
const names = Object.keys(reports) as (keyof typeof reports)[];

describe.skipIf(!existsSync(CHROMIUM))(`in ${CHROMIUM} (skipped where it is not installed)`, () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-report-"));
    for (const name of names) await writeFile(join(folder, `${name}.html`), await renderHtml(reports[name]()));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
  });

  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  const cases = [
    ...(PATIENT ? names : (["strained"] as const)).flatMap((name) =>
      [1280, 390].map((width) => ({ name, width, scheme: "light" as const })),
    ),
    { name: "suspicious" as const, width: 390, scheme: "dark" as const },
  ];

  test.for(cases)("the $name page fits $width pixels, $scheme", async ({ name, width, scheme }) => {
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: scheme });
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (!/^(file|data):/.test(request.url())) complaints.push(request.url());
    });
    await page.goto(pathToFileURL(join(folder, `${name}.html`)).href);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    // Nothing but the sliding navigation and what is hidden from sight may reach beyond the page.
    const outside = `[...document.querySelectorAll("header *, main *, footer *")]
      .filter((e) => !e.closest(".hidden, thead, svg") && e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => e.outerHTML.slice(0, 80))`;
    expect(await page.evaluate(outside)).toEqual([]);
    const drawings = `[...document.querySelectorAll(".chart svg")].map((e) => e.getBoundingClientRect())
      .filter((box) => box.width > 0).map((box) => box.right <= innerWidth)`;
    expect(await page.evaluate(drawings)).not.toContain(false);
    const smallest = `Math.min(...[...document.querySelectorAll(".chart svg")].filter((e) => e.checkVisibility())
      .map((e) => parseFloat(getComputedStyle(e).fontSize) * e.getBoundingClientRect().width / e.viewBox.baseVal.width))`;
    expect(await page.evaluate(smallest)).toBeGreaterThan(9.5);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("the decision and its three answers stand on a laptop's first screen", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(pathToFileURL(join(folder, "suspicious.html")).href);
    const bottoms = `[...document.querySelectorAll("h1, .answer, .key")]
      .map((e) => e.getBoundingClientRect().bottom)`;
    const edges = (await page.evaluate(bottoms)) as number[];
    expect(edges).toHaveLength(5);
    expect(Math.max(...edges)).toBeLessThanOrEqual(800);
    await page.close();
  });

  longTest(
    "conclusions come first: at most 6,000 px before unfolding, 300 of them to spare, and at most 8 printed pages",
    async () => {
      for (const name of ["suspicious", "healthy", "undecided"]) {
        const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
        await page.goto(pathToFileURL(join(folder, `${name}.html`)).href);
        const height = (await page.evaluate("document.documentElement.scrollHeight")) as number;
        const pages = (await page.pdf({ format: "A4" })).toString("latin1").match(/\/Type\s*\/Page[^s]/g)!.length;
        expect([name, height <= 5700 || height, pages <= 8 || pages]).toEqual([name, true, true]);
        await page.close();
      }
    },
  );

  longTest("a link to a folded word opens it", async () => {
    const page = await browser.newPage();
    await page.goto(pathToFileURL(join(folder, "suspicious.html")).href);
    const open = "document.querySelector('#glossary details').open";
    expect(await page.evaluate(open)).toBe(false);
    await page.locator("a.term").first().click();
    expect(await page.evaluate(open)).toBe(true);
    await page.close();
  });

  test("prints with the folded numbers opened and the navigation left out", async () => {
    const page = await browser.newPage({ viewport: { width: 720, height: 1000 } });
    await page.goto(pathToFileURL(join(folder, "suspicious.html")).href);
    const visible =
      "[...document.querySelectorAll('#classes svg:not(.chart-wide *), #robustness > details table, nav')].map((e) => e.checkVisibility({ contentVisibilityAuto: true }) && e.getBoundingClientRect().height > 0)";
    expect(await page.evaluate(visible)).toEqual([true, false, false]);
    await page.emulateMedia({ media: "print" });
    expect(await page.evaluate(visible)).toEqual([false, true, true]);
    await page.close();
  });
});
