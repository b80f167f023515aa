import { createServer } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { until } from "./until.ts";

let sidecar: Sidecar | undefined;
afterEach(async () => {
  await sidecar?.close(0);
  sidecar = undefined;
});

const options = () => ({
  topology: directTopology({ primary: ["127.0.0.1:9"], shadow: ["127.0.0.1:9"], port: 80 }),
  grpc: "127.0.0.1:0",
  admin: { host: "127.0.0.1", port: 0 },
  log: pino({ level: "silent" }),
});

async function start(): Promise<string> {
  sidecar = await startSidecar({ ...options(), probes: { host: "127.0.0.1", port: 0 } });
  return `http://${sidecar.probesAddress}`;
}

test("the probes' address answers the probes and gives the metrics", async () => {
  const origin = await start();
  expect(await (await fetch(`${origin}/healthz`)).json()).toEqual({ status: "alive" });
  const metrics = await fetch(`${origin}/metrics`);
  expect(metrics.headers.get("content-type")).toMatch(/^text\/plain/);
  expect(await metrics.text()).toMatch(/^umbra_config_unknown_types_total 0$/m);
  await until(async () => (await fetch(`${origin}/readyz`)).status === 200);
});

test.each(["/", "/v1/pools", "/v1/config", "/v1/report", "/v1/explain", "/v1/events", "/live.js"])(
  "the probes' address does not have the admin interface's %s",
  async (path) => {
    const answer = await fetch(`${await start()}${path}`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({
      error: "unknown path; available paths: /healthz, /readyz, /metrics",
    });
  },
);

test("the probes' address changes nothing", async () => {
  const origin = await start();
  const call = (path: string) => fetch(`${origin}${path}`, { method: "POST" });
  expect((await call("/v1/shadow/pause")).status).toBe(404);
  expect((await call("/readyz")).status).toBe(405);
});

test("a sidecar that drains answers its probe, and says that it is not ready", async () => {
  const origin = await start();
  await until(async () => (await fetch(`${origin}/readyz`)).status === 200);
  const closing = sidecar?.close(0, 2_000);
  const answer = await fetch(`${origin}/readyz`);
  expect([answer.status, await answer.json()]).toEqual([
    503,
    { status: "not ready", missing: ["this sidecar is shutting down"] },
  ]);
  await closing;
});

test("without an address for probes there is none", async () => {
  sidecar = await startSidecar(options());
  expect(sidecar.probesAddress).toBeUndefined();
});

test("a sidecar whose address for probes is taken does not start, and closes what it has opened", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  const admin = createServer();
  await new Promise<void>((resolve) => admin.listen(0, "127.0.0.1", resolve));
  const free = (admin.address() as { port: number }).port;
  await new Promise((resolve) => admin.close(resolve));
  const starting = startSidecar({
    ...{ ...options(), admin: { host: "127.0.0.1", port: free } },
    probes: { host: "127.0.0.1", port },
  });
  await expect(starting).rejects.toThrow("EADDRINUSE");
  await expect(fetch(`http://127.0.0.1:${free}/healthz`)).rejects.toThrow("fetch failed");
  await new Promise((resolve) => taken.close(resolve));
});
