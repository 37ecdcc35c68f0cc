/** @file What a reader must know before the rest: errors of the program, and what the audit did not get to. */

import { html, type Markup } from "../markup.ts";
import type { AuditReport, Incident } from "../schema.ts";
import { icon } from "./parts.ts";

const ICON = { bug: "alert", memory: "alert", unfinished: "info" } as const satisfies Readonly<
  Record<Incident["kind"], string>
>;

const incidentItem = ({ kind, title, sentence }: Incident): Markup =>
  html`<li class="notice notice-${kind}">${icon(ICON[kind])}<div><p><strong>${title}</strong></p><p>${sentence}</p></div></li>`;

export const incidentsList = ({ incidents }: AuditReport): Markup | null =>
  incidents.length === 0
    ? null
    : html`<ul class="notices" aria-label="What went wrong or was not done">${incidents.map(incidentItem)}</ul>`;
