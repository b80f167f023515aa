import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { openEndpointKey } from "@umbra/sidecar";
import pino from "pino";
import { until } from "./until.ts";

test("an endpoint key is read again when its file changes, and never logged", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "umbra-endpoint-key-")), "key");
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  writeFileSync(file, "secret-1\n", { mode: 0o644 });
  const key = await openEndpointKey(file, log);
  try {
    expect(key.authorization()).toBe("Bearer secret-1");
    expect(lines.join("")).toContain("every user of this machine can read the endpoint key");

    writeFileSync(file, "two\nlines-secret\n");
    await until(async () => lines.length > 1);
    expect(lines.at(-1)).toContain("must hold one key, on one line");
    expect(key.authorization()).toBe("Bearer secret-1");

    writeFileSync(`${file}.next`, "secret-2", { mode: 0o600 });
    renameSync(`${file}.next`, file);
    await until(async () => key.authorization() === "Bearer secret-2");
    expect(lines.join("")).not.toContain("secret");
  } finally {
    key.close();
  }
}, 15_000);
