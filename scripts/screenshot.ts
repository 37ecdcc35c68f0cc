/**
 * @file Takes docs/report.png, a report's page down to its navigation: `npm run audit && npx tsx scripts/screenshot.ts [PAGE] [PICTURE]`.
 * Needs Debian's chromium.
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [page = "report/index.html", picture = "docs/report.png"] = process.argv.slice(2);
const VIEW = { width: 1280, height: 1200 };

interface Box {
  readonly bottom: number;
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"],
});
const tab = await browser.newPage({ viewport: VIEW, colorScheme: "light" });
await tab.goto(pathToFileURL(resolve(page)).href);
const { bottom } = (await tab.evaluate("document.querySelector('nav').getBoundingClientRect().toJSON()")) as Box;
await tab.screenshot({ path: picture, clip: { x: 0, y: 0, width: VIEW.width, height: Math.ceil(bottom) } });
await browser.close();
process.stdout.write(`wrote ${picture}\n`);
