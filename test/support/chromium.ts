/** @file The browser that pages are looked at in. */

export const CHROMIUM = "/usr/bin/chromium";

/** Headless, and nothing of its own on the network. */
export const CHROMIUM_ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
