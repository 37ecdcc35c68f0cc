import { expect, test } from "vitest";
import { suspiciousReport } from "../../test/report/fixture.ts";
import { healthyReport, undecidedReport } from "../../test/report/variants.ts";
import { renderText } from "./text.ts";

test("the summaries of the three decisions read like this", async () => {
  const summaries = [suspiciousReport, healthyReport, undecidedReport].map((make) => renderText(make()));
  await expect(summaries.join("\n")).toMatchFileSnapshot("../../test/golden/report-summary.txt");
});

test("no line is longer than a terminal, whatever the names", () => {
  const report = suspiciousReport();
  const long = "x".repeat(300);
  const text = renderText({
    ...report,
    model: { ...report.model, fileName: long },
    findings: report.findings.map((finding) => ({ ...finding, title: `${long} ${finding.title}` })),
  });
  expect(text.replaceAll(/\s+/g, "")).toContain(long);
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

test("a file name cannot send commands to the terminal", () => {
  const report = suspiciousReport();
  const text = renderText({
    ...report,
    model: { ...report.model, fileName: "a\u001b[2J\u202eb\nSHIP.onnx" },
    command: "\u0007",
  });
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(text.split("\n")[0]).toBe("DO NOT SHIP: a [2J b SHIP.onnx");
});
