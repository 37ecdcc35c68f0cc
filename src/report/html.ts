import { type ChartKit, loadChartKit } from "./charts/chart.ts";
import { html, type Markup, trusted } from "./markup.ts";
import { DECISION_WORDS } from "./read.ts";
import type { AuditReport } from "./schema.ts";
import type { PageSection } from "./sections/contract.ts";
import { firstScreen } from "./sections/first-screen.ts";
import { glossaryList } from "./sections/glossary.ts";
import { incidentsList } from "./sections/incidents.ts";
import { GLOSSARY, SECTIONS } from "./sections/page.ts";
import { fold } from "./sections/parts.ts";
import { STYLE } from "./style.ts";

/** The page may show its own pictures and styles; it runs no script and reaches for nothing outside itself. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** After all that the parts of the report bring. */
const GLOSSARY_SECTION: PageSection = {
  id: "glossary",
  name: "Glossary",
  title: "Glossary",
  body: () => [fold("The words of this report, in plain terms", glossaryList(GLOSSARY), "left out")],
};

const CONTENTS: readonly PageSection[] = [...SECTIONS, GLOSSARY_SECTION];

const navigation = (): Markup =>
  html`<nav aria-label="Sections"><ul>${CONTENTS.map(({ id, name }) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>`;

const section = ({ id, title, body }: PageSection, report: AuditReport, kit: ChartKit): Markup =>
  html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body(report, kit)}</section>
`;

/**
 * The report as one HTML file that needs no other file, no network and no script. It shows what `report` says and
 * decides nothing; all text from the report is escaped.
 */
export async function renderHtml(report: AuditReport): Promise<string> {
  const kit = await loadChartKit();
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="${report.tool.name} ${report.tool.version}">
<title>${DECISION_WORDS[report.decision.kind]}: ${report.model.fileName} – Assay audit</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
${firstScreen(report)}
${navigation()}
<main><div class="wrap">
${incidentsList(report)}${CONTENTS.map((own) => section(own, report, kit))}</div></main>
<footer><div class="wrap">${report.tool.name} ${report.tool.version}, ${report.created}, seed ${report.seed}. The JSON file beside this page holds the same in machine-readable form; <code>assay report</code> makes this page from it.</div></footer>
</body>
</html>
`;
  return page.source;
}
