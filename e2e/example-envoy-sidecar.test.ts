import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { request } from "undici";
import { parse } from "yaml";
import { expectGolden } from "../testing/golden.ts";
import { freePorts } from "./harness/ports.ts";
import { type Running, runUmbra, startProcess, startUmbra, umbra } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const example = join(root, "examples/envoy-sidecar");
const envoy = process.env.ENVOY_BIN ?? join(root, ".cache/envoy/1.40.0/envoy");
const folder = mkdtempSync(join(tmpdir(), "umbra-example-"));
const running: Running[] = [];
/** By the port that the example's files name: a free one of this machine. */
const ports = new Map<string, number>();

interface Compose {
  readonly services: Readonly<Record<string, { readonly command: readonly string[] }>>;
}

function withFreePorts(text: string): string {
  return text.replaceAll(/\b(?:8000|8001|8002|8080|9002|9090|9901)\b/g, (port) =>
    String(ports.get(port) ?? port),
  );
}

/** What a service's container runs, on this machine's files and ports. */
function commandOf(service: string): readonly string[] {
  const compose = parse(readFileSync(join(example, "compose.yaml"), "utf8")) as Compose;
  const command = compose.services[service]?.command ?? [];
  return command.map((word) => withFreePorts(word).replace("/etc/umbra", folder));
}

beforeAll(async () => {
  const free = [...(await freePorts(7))].sort((a, b) => a - b);
  for (const [index, port] of ["8000", "8001", "8002", "8080", "9002", "9090", "9901"].entries())
    ports.set(port, free[index] ?? 0);
  for (const name of ["umbra.yaml", "envoy.yaml"])
    writeFileSync(join(folder, name), withFreePorts(readFileSync(join(example, name), "utf8")));
  running.push(startUmbra(...commandOf("models")), startUmbra(...commandOf("sidecar")));
  running.push(startProcess(envoy, ...commandOf("envoy").slice(1), "--use-dynamic-base-id"));
});

afterAll(async () => {
  await Promise.all(running.map((each) => each.stop()));
  rmSync(folder, { recursive: true, force: true });
});

test("its bootstrap is the one that its resources render", async () => {
  const args = ["render", "-f", "umbra.yaml", "--sidecar", "127.0.0.1:9002"];
  const { status, stdout } = spawnSync(process.execPath, [umbra, ...args], {
    cwd: example,
    encoding: "utf8",
  });
  expect(status).toBe(0);
  expectGolden(stdout, join(example, "envoy.yaml"));
});

test("requests are answered, mirrored and reported", async () => {
  const body = JSON.stringify({
    model: "/model/llama2",
    max_tokens: 16,
    messages: [{ role: "user", content: "hello" }],
  });
  // Pools are FailOpen: before the sidecar is there, requests are answered and not mirrored.
  await until(
    "a request is answered, and the report counts a pair",
    async () => {
      const answer = await request(`http://127.0.0.1:${ports.get("8080")}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      const text = await answer.body.text();
      const { stdout } = await runUmbra("report", "--admin", `127.0.0.1:${ports.get("9090")}`);
      return (
        answer.statusCode === 200 &&
        text.includes("choices") &&
        / [1-9]\d* paired|paired [1-9]/.test(stdout)
      );
    },
    50_000,
  );
}, 60_000);
