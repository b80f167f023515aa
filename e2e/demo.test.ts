import { expect, test } from "@jest/globals";
import { runUmbra } from "./harness/processes.ts";

test("two demos run at once, and each checks all it claims", async () => {
  const runs = await Promise.all([
    runUmbra("demo", "--duration", "6"),
    runUmbra("demo", "--duration", "6"),
  ]);
  for (const { status, stdout, stderr } of runs) {
    expect(stderr).not.toContain("error:");
    expect(stdout.match(/"POST \/v1\/chat\/completions HTTP\/1\.1" 200 OK/g)).toHaveLength(2);
    expect(stdout).toContain("All that was claimed was checked.");
    expect(status).toBe(0);
  }
}, 120_000);
