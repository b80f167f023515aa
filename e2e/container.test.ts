import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "umbra-image-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Only root may change the root folder of a process.
const isRoot = process.getuid?.() === 0;
let assembled: SpawnSyncReturns<string>;

beforeAll(() => {
  const script = join(root, "scripts/container-files.mjs");
  const args = ["--to", folder, "--envoy", ...(isRoot ? ["--smoke"] : [])];
  assembled = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
}, 120_000);

test("the Dockerfile copies each layer that the script makes", () => {
  const { status, stdout } = assembled;
  expect(status).toBe(0);
  const layers = [...stdout.matchAll(/^(\S+) +[\d.]+ MiB +\d+ files/gm)].map(([, name]) => name);
  expect(layers).toEqual(["runtime", "umbra", "envoy"]);
  const copied = readFileSync(join(root, "Dockerfile"), "utf8").matchAll(/COPY .*\/image\/(\S+) /g);
  expect([...copied].map(([, name]) => name)).toEqual(layers);
});

test("no layer has a shell", () => {
  const shells = ["runtime", "umbra", "envoy"].flatMap((layer) =>
    ["bin/sh", "usr/bin/sh", "bin/bash", "usr/bin/bash", "bin/busybox"].map((path) =>
      join(folder, layer, path),
    ),
  );
  expect(shells.filter((path) => existsSync(path))).toEqual([]);
});

(isRoot ? test : test.skip)("its commands run in that root, as a user without rights", () => {
  expect([assembled.status, assembled.stderr]).toEqual([0, ""]);
  expect(assembled.stdout.match(/^ok /gm)).toHaveLength(4);
});
