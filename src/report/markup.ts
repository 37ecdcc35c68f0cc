/** Text that is already safe HTML. Made only by `html` and `trusted`, so that nothing else reaches the page unescaped. */
export class Markup {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

type Child = Markup | string | number | null | readonly Child[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * `text` as HTML text or a quoted attribute value. Control characters, which HTML forbids, and the marks that reverse
 * the reading direction, which can disguise a file name, become U+FFFD.
 */
export function escapeHtml(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (c) =>
      c === "\n" || c === "\t" ? c : "\ufffd",
    )
    .replaceAll(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
}

function render(child: Child): string {
  if (child === null) return "";
  if (child instanceof Markup) return child.source;
  if (typeof child === "string" || typeof child === "number") return escapeHtml(String(child));
  return child.map(render).join("");
}

/** Template literal for HTML: every value is escaped unless it is `Markup`; lists are joined, `null` is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Child[]): Markup {
  return new Markup(strings.reduce((text, part, i) => text + render(values[i - 1] ?? null) + part));
}

/** For constants of this program and charts that it drew; never for text from a file. */
export const trusted = (source: string): Markup => new Markup(source);
