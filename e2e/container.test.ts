import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "@jest/globals";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "umbra-image-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function assemble(...args: readonly string[]) {
  const script = join(root, "scripts/container-files.mjs");
  return spawnSync(process.execPath, [script, "--to", folder, ...args], { encoding: "utf8" });
}

test("the Dockerfile copies each layer that the script makes", () => {
  const { status, stdout } = assemble("--envoy");
  expect(status).toBe(0);
  const layers = [...stdout.matchAll(/^(\S+) +[\d.]+ MiB +\d+ files/gm)].map(([, name]) => name);
  expect(layers).toEqual(["runtime", "umbra", "envoy"]);
  const copied = readFileSync(join(root, "Dockerfile"), "utf8").matchAll(/COPY .*\/image\/(\S+) /g);
  expect([...copied].map(([, name]) => name)).toEqual(layers);
}, 120_000);

test("no layer has a shell", () => {
  const shells = ["runtime", "umbra", "envoy"].flatMap((layer) =>
    ["bin/sh", "usr/bin/sh", "bin/bash", "usr/bin/bash", "bin/busybox"].map((path) =>
      join(folder, layer, path),
    ),
  );
  expect(shells.filter((path) => existsSync(path))).toEqual([]);
});

// Only root may change the root folder of a process.
(process.getuid?.() === 0 ? test : test.skip)(
  "its commands run in that root, as a user without rights",
  () => {
    const { status, stdout, stderr } = assemble("--smoke");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout.match(/^ok /gm)).toHaveLength(3);
  },
  120_000,
);
