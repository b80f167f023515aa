import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-outputs-"));

const leg = { status: 200, class: "ok", stream: false, e2e: 500, outChars: 80, finish: "stop" };
const out = { cut: false, refusal: 0, loop: 0, rep4: 0, calls: 1, toolBad: 0, script: "Latin" };

function line(i: number, shadowOut: object): string {
  return JSON.stringify({
    ...{ v: 1, id: `r${i}`, t0: 1_767_225_600_000 + i * 1_000, route: "a/r", candidate: "a/b" },
    ...{ mirrored: true, session: null, req: { decode: "greedy", shape: "tools", tools: 1 } },
    primary: { ...leg, out },
    shadow: { ...leg, out: { ...out, ...shadowOut } },
    cmp: { exact: 1, lcp: 80, lcpShare: 1, sim: 1, tool: "same_args", toolF1: 1, why: null },
  });
}

const samples = join(folder, "run.ndjson");
const brokenTools = Array.from({ length: 900 }, (_, i) =>
  line(i, { toolBad: i % 10 === 0 ? 1 : 0 }),
);
writeFileSync(samples, brokenTools.join("\n"));

describe("umbra report on samples that tell what the answers say", () => {
  test("fails a shadow that calls tools wrongly, and shows why", async () => {
    const { status, stdout } = await runCommand([
      ...["report", "--samples", samples, "--warmup", "0", "--gate"],
    ]);
    expect(status).toBe(10);
    expect(stdout).toMatch(/out\.toolBad +✗ FAIL +0\.0+ % +10\.0+ %/);
    expect(stdout).toContain("tool calls of 900 pairs: same_args 900");
    expect(stdout).toContain("add a control mirror");
  });

  test("writes a report of version 3, which is read again", async () => {
    const args = ["report", "--samples", samples, "--warmup", "0"];
    const saved = join(folder, "report.json");
    const json = (await runCommand([...args, "-o", "json"])).stdout;
    writeFileSync(saved, json);
    expect(JSON.parse(json)).toMatchObject({
      schema: "shadow-report/3",
      outputs: { compared: 900, lanes: { primary: { tool_bad: 0 }, shadow: { tool_bad: 0.1 } } },
    });
    const again = await runCommand(["report", "--from", saved]);
    expect(again).toEqual(await runCommand(args));
  });
});
