import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { startSidecar, unverifiedEndpoints } from "@umbra/sidecar";
import { openEndpointKey } from "@umbra/sidecar/internal";
import pino from "pino";
import { until } from "./until.ts";

test("an endpoint key is reloaded when its file changes, and never logged", async () => {
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
    expect(lines.at(-1)).toContain("must contain one key, on one line");
    expect(key.authorization()).toBe("Bearer secret-1");

    writeFileSync(`${file}.next`, "secret-2", { mode: 0o600 });
    renameSync(`${file}.next`, file);
    await until(async () => key.authorization() === "Bearer secret-2");
    expect(lines.join("")).not.toContain("secret");
  } finally {
    key.close();
  }
}, 15_000);

test("a sidecar logs a refused list once, counts it, and never shows the key", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "umbra-endpoint-key-")), "key");
  writeFileSync(file, "secret-1\n", { mode: 0o600 });
  const asked: (string | undefined)[] = [];
  const server = createServer(({ url, headers }, response) => {
    asked.push(headers.authorization);
    if (url !== "/metrics") response.writeHead(401).end();
    else {
      response.end(
        "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n",
      );
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const lines: string[] = [];
  const sidecar = await startSidecar({
    topology: directTopology({
      primary: [`127.0.0.1:${(server.address() as AddressInfo).port}`],
      shadow: [],
      port: 80,
    }),
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ base: null }, { write: (line: string) => void lines.push(line) }),
    endpointKeyFile: file,
  });
  try {
    const get = async (path: string) =>
      (await fetch(`http://${sidecar.adminAddress}${path}`)).text();
    const refused =
      /umbra_model_list_reads_total\{pool="default\/primary",outcome="refused"\} [2-9]/;
    await until(async () => refused.test(await get("/metrics")));
    expect(asked[0]).toBe("Bearer secret-1");
    const reported = lines.filter((line) => line.includes("/v1/models answered 401"));
    expect(reported.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 40, page: "models", outcome: "refused", pools: ["default/primary"] },
    ]);
    const shown = [...lines, await get("/metrics"), await get("/v1/pools")].join("");
    expect(shown).not.toContain("secret-1");
  } finally {
    await sidecar.close(0);
    server.closeAllConnections();
    server.close();
  }
}, 15_000);

test.each([
  { name: "plain HTTP", pool: { endpoints: ["10.0.0.1:80"] }, want: [] },
  { name: "TLS", pool: { endpoints: ["10.0.0.1:80"], tls: {} }, want: ["10.0.0.1:80"] },
  {
    name: "TLS with a CA but without a hostname",
    pool: { endpoints: ["10.0.0.1:80"], tls: { caPem: "x" } },
    want: ["10.0.0.1:80"],
  },
  {
    name: "verified TLS",
    pool: { endpoints: ["10.0.0.1:80"], tls: { hostname: "a.example" } },
    want: [],
  },
  {
    name: "TLS on loopback too",
    pool: {
      endpoints: ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[fd00::1]:80"],
      tls: {},
    },
    want: ["[fd00::1]:80"],
  },
])("endpoints with an unverified certificate, for $name", ({ pool, want }) => {
  expect(unverifiedEndpoints(pool)).toEqual(want);
});

test.each([
  { name: "with a key", hasKey: true, tls: {}, want: 1 },
  { name: "without a key", hasKey: false, tls: {}, want: 0 },
  { name: "with verified TLS", hasKey: true, tls: { hostname: "a.example" }, want: 0 },
])("a sidecar $name logs $want pools with unverified TLS", async ({ hasKey, tls, want }) => {
  const file = join(mkdtempSync(join(tmpdir(), "umbra-endpoint-key-")), "key");
  writeFileSync(file, "secret-1\n", { mode: 0o600 });
  // An address that is not loopback but refuses connections immediately.
  const direct = directTopology({ primary: ["0.0.0.0:1"], shadow: [], port: 80 });
  const lines: string[] = [];
  const sidecar = await startSidecar({
    topology: { ...direct, pools: direct.pools.map((pool) => ({ ...pool, tls })) },
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ base: null }, { write: (line: string) => void lines.push(line) }),
    ...(hasKey ? { endpointKeyFile: file } : {}),
  });
  await sidecar.close(0);
  const warnings = lines
    .filter((line) => line.includes("unverified TLS"))
    .map((line) => JSON.parse(line) as object);
  expect(warnings).toHaveLength(want);
  expect(warnings).toMatchObject(
    [{ level: 40, pool: "default/primary", endpoints: 1 }].slice(0, want),
  );
  expect(lines.join("")).not.toContain("secret-1");
});
