import { parseHTML } from "linkedom";
import { beforeAll, expect, test } from "vitest";
import { classRows, point, suspiciousReport } from "../../../test/report/fixture.ts";
import { undecidedReport } from "../../../test/report/variants.ts";
import type { Robustness } from "../sections/robustness/schema.ts";
import { bandChart } from "./band.ts";
import { barChart } from "./bars.ts";
import { type ChartKit, loadChartKit, NARROW, WIDE } from "./chart.ts";
import { classChart } from "./classes.ts";
import { leanChart, shownClasses } from "./lean.ts";
import { responseChart, responseTop } from "./response.ts";

let kit: ChartKit;
beforeAll(async () => {
  kit = await loadChartKit();
});

/** The part of a parsed drawing that the tests look at. */
interface Drawing {
  querySelector(selector: string): { textContent: string; getAttribute(name: string): string | null } | null;
  querySelectorAll(selector: string): Iterable<{ textContent: string; getAttribute(name: string): string | null }>;
}

const drawing = (svg: string): Drawing => parseHTML(`<html><body>${svg}</body></html>`).document as unknown as Drawing;

/** Where the marks of one colour stand, in CSS pixels. */
function marks(svg: string, fill: string): { x: number; y: number }[] {
  return [...drawing(svg).querySelectorAll(`[aria-label="dot"][fill="${fill}"] path`)].map((path) => {
    const [x, y] = /translate\(([\d.]+),([\d.]+)\)/
      .exec(path.getAttribute("transform") ?? "")!
      .slice(1)
      .map(Number);
    return { x: x!, y: y! };
  });
}

/** The round marks of one colour. */
function circles(svg: string, fill: string): { x: number; y: number }[] {
  const found = drawing(svg).querySelectorAll(`[aria-label="dot"][fill="${fill}"] circle, circle[fill="${fill}"]`);
  return [...found].map((dot) => ({ x: Number(dot.getAttribute("cx")), y: Number(dot.getAttribute("cy")) }));
}

const texts = (svg: string): string[] => [...drawing(svg).querySelectorAll("text")].map((t) => t.textContent);

const linf = (): Robustness => suspiciousReport().robustness[0]!;

test("the band stands where its data says", () => {
  const { wide } = bandChart(kit, linf(), "band");
  // Axis from 30 to 334 (height 380, margins 30 and 46), epsilon 0…0.3 over 52…736: hand arithmetic from the fixture.
  const y = (share: number): number => 334 - share * 304;
  const x = (epsilon: number): number => 52 + (epsilon / 0.3) * 684;
  const expected = (shares: readonly number[]) =>
    [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3].map((epsilon, i) => ({
      x: expect.closeTo(x(epsilon), 6),
      y: expect.closeTo(y(shares[i]!), 6),
    }));
  expect(marks(wide, "var(--attacked)")).toEqual(expected([0.987, 0.978, 0.951, 0.863, 0.702, 0.471, 0.092]));
  expect(marks(wide, "var(--certified)")).toEqual(expected([0.987, 0.941, 0.803, 0.521, 0.238, 0.064, 0]));
});

test("the band draws an interval for each mark and hatches the gap", () => {
  const { wide } = bandChart(kit, linf(), "band");
  const page = drawing(wide);
  expect([...page.querySelectorAll('[aria-label="rule"][stroke="var(--attacked)"] line')]).toHaveLength(7);
  expect([...page.querySelectorAll('[fill="url(#band-hatch)"] path')]).toHaveLength(1);
  expect(page.querySelector("pattern#band-hatch line")).not.toBeNull();
  expect(texts(wide)).toContain("unknown");
});

test("says in words what the band shows, in two drawings with ids of their own", () => {
  const { wide, narrow } = bandChart(kit, linf(), "band");
  expect(drawing(wide).querySelector("title")!.textContent).toBe("Accuracy against epsilon, linf");
  expect(drawing(wide).querySelector("desc")!.textContent).toContain(
    "epsilon 0.1: 86.3% (84.0–88.4%) not falsified by any attack, 52.1% (48.9–55.3%) proved",
  );
  expect(wide).toContain(`viewBox="0 0 ${WIDE} `);
  expect(narrow).toContain(`viewBox="0 0 ${NARROW} `);
  const ids = (svg: string): string[] => [...svg.matchAll(/ id="([^"]+)"/g)].map((m) => m[1]!);
  expect(new Set([...ids(wide), ...ids(narrow)]).size).toBe(6);
});

test("a band without proofs leaves everything below the attacks unknown", () => {
  const { wide } = bandChart(kit, undecidedReport().robustness[0]!, "open");
  expect(marks(wide, "var(--certified)")).toEqual([]);
  const area = drawing(wide).querySelector('[fill="url(#open-hatch)"] path')!.getAttribute("d")!;
  expect(area.match(/,334/g)).toHaveLength(3);
  expect(drawing(wide).querySelector("desc")!.textContent).toContain("nothing proved");
});

test("a band without attacks reaches up to the clean accuracy", () => {
  const { wide } = bandChart(kit, { ...linf(), points: [point(0.1, null, 521)] }, "proofs");
  expect(marks(wide, "var(--attacked)")).toEqual([]);
  const area = drawing(wide).querySelector('[fill="url(#proofs-hatch)"] path')!.getAttribute("d")!;
  expect(area).toContain(`736,${(334 - 0.987 * 304).toFixed(3)}`);
});

test("widely spread epsilons stand on a logarithmic axis without zero", () => {
  const points = [point(0, 987, 987), point(0.001, 980, 970), point(0.01, 950, 900), point(0.1, 863, 521)];
  const { wide } = bandChart(kit, { ...linf(), points }, "log");
  const at = marks(wide, "var(--attacked)").map(({ x }) => x);
  expect(at).toHaveLength(3);
  expect(at[1]! - at[0]!).toBeCloseTo(at[2]! - at[1]!, 6);
  expect(texts(wide)).toEqual(expect.arrayContaining(["0.001", "0.01", "0.1"]));
});

test("a single epsilon of zero is drawn", () => {
  const { wide } = bandChart(kit, { ...linf(), headlineEpsilon: 0, points: [point(0, 987, 987)] }, "zero");
  expect(wide).not.toContain("NaN");
  expect(marks(wide, "var(--attacked)")).toHaveLength(1);
});

test("classes stand weakest first, each with its three marks", () => {
  const { wide } = classChart(kit, classRows(), suspiciousReport().data.classNames, "classes");
  const names = texts(wide).filter((text) => !text.endsWith("%"));
  expect(names.slice(0, 3)).toEqual(["eight", "nine", "five"]);
  expect(names).toHaveLength(10);
  expect(marks(wide, "var(--certified)")).toHaveLength(10);
  expect(drawing(wide).querySelector("desc")!.textContent).toMatch(
    /eight: clean 97\.9% \([^)]+\), not falsified 74\.2% \([^)]+\), proved 24\.7% \([^)]+\)/,
  );
});

test("of very many classes the chart shows the weakest twenty", () => {
  const rows = Array.from({ length: 1000 }, (_, label) => ({ ...classRows()[label % 10]!, label }));
  const names = rows.map((_, i) => `class number ${i} with a long name`);
  const { wide, narrow } = classChart(kit, rows, names, "many");
  expect(marks(wide, "var(--certified)")).toHaveLength(20);
  expect(texts(narrow).filter((text) => text.endsWith("…"))).toHaveLength(20);
});

test("bars are as long as their values, and their texts are written out", () => {
  const bars = [
    { name: "IBP", value: 1, text: "1.0 s", detail: "", interval: null, marked: false },
    { name: "CROWN", value: 4, text: "4.0 s", detail: "", interval: null, marked: true },
    { name: "CROWN", value: 2, text: "2.0 s", detail: "", interval: null, marked: false },
  ];
  const { wide } = barChart(kit, bars, { id: "times", title: "Run times" });
  const widths = [...drawing(wide).querySelectorAll('[aria-label="bar"] path, [aria-label="bar"] rect')].map((bar) =>
    Number(bar.getAttribute("width") ?? Number.NaN),
  );
  expect(widths[1]! / widths[0]!).toBeCloseTo(4, 6);
  expect(widths[2]! / widths[0]!).toBeCloseTo(2, 6);
  expect(texts(wide)).toEqual(expect.arrayContaining(["IBP", "▶ CROWN", "CROWN", "1.0 s", "4.0 s", "2.0 s"]));
});

test("a hostile name stays text in every chart", () => {
  const name = `</svg><script>"x"</script>`;
  const charts = [
    classChart(kit, classRows().slice(0, 1), [name], "a"),
    barChart(kit, [{ name, value: 1, text: name, detail: name, interval: null, marked: false }], {
      id: "b",
      title: name,
    }),
  ];
  for (const { wide } of charts) {
    expect(wide).not.toContain("<script");
    expect(wide.match(/<\/svg>/g)).toHaveLength(1);
    expect(drawing(wide).querySelector("desc")!.textContent).toContain(name);
  }
});

const scan = () => suspiciousReport().backdoor!;

test("a curve of answers to noise stands where its data says, its band behind it", () => {
  const curve = scan().curves[0]!;
  const svg = responseChart(kit, curve, "response", 1);
  // height 210, margins 12 and 40: 170 is 0%, 12 is 100%; a root axis 0…5 over 42…326
  const expected = curve.intensities.map((sigma, i) => ({
    x: expect.closeTo(42 + 284 * Math.sqrt(sigma / 5), 6),
    y: expect.closeTo(170 - 158 * curve.shares[i]!, 6),
  }));
  expect(circles(svg, "var(--attacked)")).toEqual(expected);
  expect([...drawing(svg).querySelectorAll('[aria-label="area"] path')]).toHaveLength(1);
  expect(drawing(svg).querySelector("desc")!.textContent).toContain("at 5 62%, clean models 15% to 45%");
  const bare = responseChart(kit, { ...curve, band: null }, "bare", 1);
  expect([...drawing(bare).querySelectorAll('[aria-label="area"] path')]).toHaveLength(0);
});

test("charts of answers to noise share an axis that holds all curves and bands", () => {
  const [first, ...rest] = scan().curves;
  const low = { ...first!, shares: first!.shares.map(() => 0.1), band: null };
  expect(responseTop([low])).toBe(0.25);
  expect(responseTop([low, ...rest])).toBe(1);
  expect(responseTop([])).toBe(0.25);
});

test("of the pull of noise, one class is marked and the threshold drawn", () => {
  const { lean } = scan();
  const nameOf = (label: number): string => `digit ${label}`;
  const { wide } = leanChart(kit, lean!, { id: "lean", nameOf, suspected: 7 });
  expect(texts(wide)).toEqual(expect.arrayContaining(["▶ digit 7", "digit 3", "flagged above"]));
  expect(circles(wide, "var(--attacked)")).toHaveLength(1);
  const clean = circles(wide, "var(--clean)");
  expect(clean).toHaveLength(9);
  const [marked] = circles(wide, "var(--attacked)");
  expect(marked!.x).toBeGreaterThan(Math.max(...clean.map(({ x }) => x)));
  expect(drawing(wide).querySelector("desc")!.textContent).toContain("digit 7: 6.80");
  const open = leanChart(kit, { ...lean!, threshold: null }, { id: "lean", nameOf, suspected: null });
  expect(texts(open.wide)).not.toContain("flagged above");
  expect(circles(open.wide, "var(--attacked)")).toEqual([]);
});

test("of very many classes the pull is shown for those that lean furthest", () => {
  const classes = Array.from({ length: 300 }, (_, label) => ({ label, excess: label % 100, byMode: [0] }));
  const shown = shownClasses({ ...scan().lean!, classes });
  expect(shown).toHaveLength(20);
  expect(Math.min(...shown.map(({ excess }) => excess))).toBe(93);
});
