import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { selfSigned } from "@umbra/sidecar/internal";
import { llamaRoute } from "./llama-route.ts";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-authorities-"));
const mine = join(folder, "mine.pem");
const other = join(folder, "other.pem");
const missing = join(folder, "missing.pem");
const system = join(folder, "system.yaml");
const plain = join(folder, "plain.yaml");

let server: Server;
let asked = 0;
let onAsked = (): void => {};

beforeAll(async () => {
  const certificates = await selfSigned();
  writeFileSync(mine, certificates.cert);
  writeFileSync(other, (await selfSigned()).cert);
  server = createServer(certificates, (_request, response) => {
    asked += 1;
    response.end(
      "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n",
    );
    onAsked();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pool = `${llamaRoute}apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "${endpoint}"}}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]}
`;
  writeFileSync(plain, pool);
  writeFileSync(
    system,
    `${pool}---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: system}
spec:
  targetRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]
  validation: {hostname: localhost, wellKnownCACertificates: System}
`,
  );
}, 30_000);

beforeEach(() => {
  asked = 0;
  onAsked = () => {};
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function doctor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const ports = ["--admin", "127.0.0.1:1", "--envoy-admin", "127.0.0.1:1"];
  return runCommand(["doctor", ...ports, ...args], { env });
}

describe("endpoints verified with the system's CA certificates", () => {
  test.each<[string, () => readonly string[], () => Readonly<Record<string, string>>, RegExp]>([
    ["SSL_CERT_FILE", () => [], () => ({ SSL_CERT_FILE: mine }), / is vllm: /],
    ["--system-ca", () => ["--system-ca", mine], () => ({ SSL_CERT_FILE: other }), / is vllm: /],
    [
      "another CA's certificates",
      () => ["--system-ca", other],
      () => ({}),
      /can't be reached: DEPTH_ZERO/,
    ],
  ])("umbra doctor uses %s", async (_name, args, env, want) => {
    const { stdout } = await doctor(["-f", system, ...args()], env());
    expect(stdout).toMatch(want);
  });

  test("umbra serve scrapes with SSL_CERT_FILE", async () => {
    const ending = new AbortController();
    const scraped = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    const free = ["--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "silent"];
    const serving = runCommand(["serve", "-f", system, ...free, "--grace", "0"], {
      env: { SSL_CERT_FILE: mine },
      signal: ending.signal,
    });
    const limit = setTimeout(() => ending.abort(), 25_000);
    await Promise.race([scraped, serving]);
    clearTimeout(limit);
    ending.abort();
    expect(asked).toBeGreaterThan(0);
    expect(await serving).toMatchObject({ status: 0 });
  }, 40_000);

  test.each(["serve", "doctor"])("umbra %s rejects a file that can't be read", async (command) => {
    const flag = await runCommand([command, "-f", system, "--system-ca", missing]);
    expect(flag).toMatchObject({ status: 1 });
    expect(flag.stderr).toContain(`--system-ca: ${missing} can't be read: ENOENT`);
    const variable = await runCommand([command, "-f", system], { env: { SSL_CERT_FILE: missing } });
    expect(variable.stderr).toContain(`SSL_CERT_FILE: ${missing} can't be read: ENOENT`);
    expect(asked).toBe(0);
  });

  test("umbra up rejects a file that can't be read", async () => {
    const { status, stderr } = await runCommand(["up", "-f", system], {
      env: { SSL_CERT_FILE: missing, ENVOY_BIN: process.execPath },
    });
    expect(status).toBe(2);
    expect(stderr).toContain(`SSL_CERT_FILE: ${missing} can't be read`);
  });

  test.each([
    { args: ["serve", "-f", plain] },
    { args: ["doctor", "-f", plain] },
    { args: ["doctor"] },
  ])("--system-ca without such endpoints is rejected: $args", async ({ args }) => {
    const { status, stderr } = await runCommand([...args, "--system-ca", mine]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/--system-ca (has no effect|applies to endpoints)/);
  });
});
