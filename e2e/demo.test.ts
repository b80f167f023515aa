import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { runUmbra } from "./harness/processes.ts";

test("two demos run at once, and each checks all it claims", async () => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-demo-"));
  const demo = (name: string, ...flags: readonly string[]) =>
    runUmbra("demo", "--duration", "3", "--html", join(folder, name), ...flags);
  const runs = await Promise.all([demo("a.html"), demo("b.html", "--same")]);
  for (const name of ["a.html", "b.html"]) {
    expect(readFileSync(join(folder, name), "utf8")).toContain("<title>");
  }
  rmSync(folder, { recursive: true });
  for (const { status, stdout, stderr } of runs) {
    expect(stderr).not.toContain("error:");
    expect(stdout.match(/"POST \/v1\/chat\/completions HTTP\/1\.1" 200 OK/g)).toHaveLength(2);
    expect(stdout).toContain("All checks passed.");
    expect(status).toBe(0);
  }
}, 120_000);
