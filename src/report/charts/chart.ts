/** @file What every chart shares: loading the plot library, the two widths, and the words for those who cannot see it. */
import type { PlotOptions } from "@observablehq/plot";

/** Observable Plot and a document to draw in: the page's own in a browser, a light one elsewhere. */
export interface ChartKit {
  readonly plot: typeof import("@observablehq/plot");
  readonly document: unknown;
}

/** A chart drawn twice, because text in one drawing cannot suit both a laptop and a phone. */
export interface Chart {
  readonly wide: string;
  readonly narrow: string;
}

/** Widths in CSS pixels at which the two drawings are shown unscaled. */
export const WIDE = 760;
export const NARROW = 340;

/** Colours are variables of the page's style sheet, so that one drawing serves light, dark and print. */
export const colour = {
  attacked: "var(--attacked)",
  certified: "var(--certified)",
  clean: "var(--clean)",
  ink: "var(--ink)",
  muted: "var(--muted)",
  line: "var(--line)",
  paper: "var(--paper)",
} as const;

/**
 * Loads the plot library, about 0.2 s on a laptop; call it once a report.
 *
 * @throws when neither a browser's document nor the stand-in is there
 */
export async function loadChartKit(): Promise<ChartKit> {
  const plot = await import("@observablehq/plot");
  const page = (globalThis as { readonly document?: unknown }).document;
  if (page !== undefined) return { plot, document: page };
  const { parseHTML } = await import("linkedom");
  return { plot, document: parseHTML("<html></html>").document };
}

/** The part of the DOM that is used here. */
interface SvgElement {
  readonly ownerDocument: { createElementNS(space: string, name: string): SvgElement };
  readonly outerHTML: string;
  textContent: string | null;
  append(...children: readonly SvgElement[]): void;
  prepend(...children: readonly SvgElement[]): void;
  setAttribute(name: string, value: string): void;
}

type Attributes = Readonly<Record<string, string | number>>;

const SVG = "http://www.w3.org/2000/svg";

function element(svg: SvgElement, name: string, attributes: Attributes, content: string | SvgElement[]): SvgElement {
  const made = svg.ownerDocument.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (typeof content === "string") made.textContent = content;
  else made.append(...content);
  return made;
}

/** The id of the hatching that marks what is undecided; ids are global in a page, so it carries the drawing's. */
export const hatchId = (drawingId: string): string => `${drawingId}-hatch`;

function hatching(svg: SvgElement, drawingId: string): SvgElement {
  const size = { width: 8, height: 8 };
  const pattern = { ...size, id: hatchId(drawingId), patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  const stripe = { x1: 0, y1: 0, x2: 0, y2: 8, stroke: "var(--undecided)", "stroke-width": 2.4 };
  return element(svg, "defs", {}, [
    element(svg, "pattern", pattern, [
      element(svg, "rect", { ...size, fill: "var(--undecided-soft)" }, []),
      element(svg, "line", stripe, []),
    ]),
  ]);
}

interface ChartText {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** What the chart says, with its numbers. */
  readonly description: string;
}

type Design = (width: number, drawingId: string) => PlotOptions;

function draw(kit: ChartKit, { title, description }: ChartText, width: number, id: string, design: Design): string {
  const svg = kit.plot.plot({
    ...design(width, id),
    width,
    className: "plot",
    // Plot's types name the browser's Document, which is not among the types of this program.
    document: kit.document as NonNullable<PlotOptions["document"]>,
  }) as unknown as SvgElement;
  svg.prepend(
    element(svg, "title", { id: `${id}-title` }, title),
    element(svg, "desc", { id: `${id}-desc` }, description),
    hatching(svg, id),
  );
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-labelledby", `${id}-title ${id}-desc`);
  return svg.outerHTML;
}

/** @param design the plot's options, for a width in CSS pixels and the id of the drawing, which `hatchId` takes */
export const drawChart = (kit: ChartKit, text: ChartText, design: Design): Chart => ({
  wide: draw(kit, text, WIDE, text.id, design),
  narrow: draw(kit, text, NARROW, `${text.id}-narrow`, design),
});

/** One of several small charts, drawn once: it is as wide beside others as it is alone on a phone. */
export const drawSmallChart = (kit: ChartKit, text: ChartText, design: Design): string =>
  draw(kit, text, NARROW, text.id, design);
