import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Topology } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { createEnvoyClient, type EnvoyClient } from "../envoy-client.ts";
import { createForeignGateway } from "../foreign-gateway.ts";
import { until } from "../until.ts";
import { applyAtOnce } from "./at-once.ts";
import { pool, topologyOf } from "./topologies.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const request = {
  headers: { ":method": "POST", ":path": "/v1/chat/completions", "x-request-id": "r" },
  body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
};
const destination = "x-gateway-destination-endpoint";
const of = (name: string) => ({ lane: "primary", pool: name }) as const;

interface ModelServer {
  readonly address: string;
  /** Number of scrapes so far. */
  readonly scrapes: () => number;
}

async function modelServer(model = "m"): Promise<ModelServer> {
  let scrapes = 0;
  const server: Server = createServer(({ url }, response) => {
    if (url === "/metrics") scrapes++;
    const list = { object: "list", data: [{ id: model, object: "model" }] };
    const page =
      "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n";
    response.end(url === "/metrics" ? page : JSON.stringify(list));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, scrapes: () => scrapes };
}

async function start(topology: Topology): Promise<Sidecar & { readonly envoy: EnvoyClient }> {
  const sidecar = await startSidecar({
    topology,
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    scrapeIntervalMs: 20,
    log: pino({ level: "silent" }),
  });
  const envoy = createEnvoyClient(sidecar.grpcAddress);
  closers.push(
    () => sidecar.close(0),
    () => envoy.close(),
  );
  return { ...sidecar, envoy };
}

/** The picks of 20 requests. */
async function picksOf({ envoy }: { readonly envoy: EnvoyClient }, name: string) {
  const picks = new Set<string | undefined>();
  for (let i = 0; i < 20; i++) {
    const answer = await envoy.pick(of(name), request);
    picks.add(answer.headers[destination]?.split(",")[0] ?? codeOf(answer.reply));
    await answer.end();
  }
  return [...picks].sort();
}

function codeOf(reply: string | undefined): string | undefined {
  return (JSON.parse(reply ?? "{}") as { error?: { code?: string } }).error?.code;
}

async function pageOf({ adminAddress }: Sidecar): Promise<string> {
  return await (await fetch(`http://${adminAddress}/metrics`)).text();
}

describe("a new endpoint of a known pool", () => {
  test("is scraped at once, and picked only after it is admitted", async () => {
    const [old, added] = [await modelServer(), await modelServer()];
    const sidecar = await start(topologyOf(pool("a", [old.address])));
    await until(async () => old.scrapes() > 0);
    sidecar.serving.begin(topologyOf(pool("a", [old.address, added.address])));
    await until(async () => added.scrapes() > 1);
    expect(await picksOf(sidecar, "a")).toEqual([old.address]);
    sidecar.serving.admitEndpoints();
    expect(await picksOf(sidecar, "a")).toEqual([old.address, added.address].sort());
  });

  test("of a pool that was empty is refused until it is admitted", async () => {
    const added = await modelServer();
    const sidecar = await start(topologyOf(pool("a", [])));
    sidecar.serving.begin(topologyOf(pool("a", [added.address])));
    expect(await picksOf(sidecar, "a")).toEqual(["no_ready_endpoints"]);
    sidecar.serving.admitEndpoints();
    expect(await picksOf(sidecar, "a")).toEqual([added.address]);
  });

  test("of a new pool is picked at once, because no route names the pool yet", async () => {
    const added = await modelServer();
    const sidecar = await start(topologyOf(pool("a", ["127.0.0.1:9"])));
    sidecar.serving.begin(topologyOf(pool("b", [added.address])));
    expect(await picksOf(sidecar, "b")).toEqual([added.address]);
  });
});

describe("an endpoint that leaves", () => {
  test("is not picked from the same turn on; its request ends and is counted", async () => {
    const sidecar = await start(topologyOf(pool("a", ["127.0.0.1:9", "127.0.0.2:9"])));
    const open = await sidecar.envoy.pick(of("a"), request);
    const leaving = open.headers[destination]?.split(",")[0] ?? "";
    const [staying = ""] = ["127.0.0.1:9", "127.0.0.2:9"].filter((each) => each !== leaving);
    sidecar.serving.begin(topologyOf(pool("a", [staying])));
    expect(await picksOf(sidecar, "a")).toEqual([staying]);
    expect(await pageOf(sidecar)).toContain('umbra_requests_running{lane="primary",pool="a"} 1');
    await open.end();
    await until(async () =>
      (await pageOf(sidecar)).includes('umbra_requests_running{lane="primary",pool="a"} 0'),
    );
    expect(await pageOf(sidecar)).toContain(
      'umbra_request_duration_seconds_count{lane="primary",pool="a"} 21',
    );
  });

  test("is never picked while it drains, even if it is also listed", async () => {
    const drained = pool("a", ["127.0.0.1:9", "127.0.0.2:9"]);
    const sidecar = await start(topologyOf(drained));
    applyAtOnce(sidecar, {
      topology: topologyOf({ ...drained, drainingEndpoints: ["127.0.0.1:9"] }),
    });
    expect(await picksOf(sidecar, "a")).toEqual(["127.0.0.2:9"]);
    applyAtOnce(sidecar, { topology: topologyOf(drained) });
    expect(await picksOf(sidecar, "a")).toEqual(["127.0.0.1:9", "127.0.0.2:9"]);
  });
});

describe("a pool", () => {
  const [a, b] = [pool("a", ["127.0.0.1:9"]), pool("b", ["127.0.0.2:9"])];

  test("serves from begin on, and until it is retired", async () => {
    const sidecar = await start(topologyOf(a));
    sidecar.serving.begin(topologyOf(b));
    expect(await picksOf(sidecar, "a")).toEqual(["127.0.0.1:9"]);
    expect(await picksOf(sidecar, "b")).toEqual(["127.0.0.2:9"]);
    sidecar.serving.admitEndpoints();
    expect(await picksOf(sidecar, "a")).toEqual(["127.0.0.1:9"]);
    sidecar.serving.retire();
    expect(await picksOf(sidecar, "a")).toEqual(["unknown_pool"]);
    expect(await picksOf(sidecar, "b")).toEqual(["127.0.0.2:9"]);
  });

  test("goes after the last request that names it, whose end is counted", async () => {
    const sidecar = await start(topologyOf(a, b));
    const open = await sidecar.envoy.pick(of("a"), request);
    applyAtOnce(sidecar, { topology: topologyOf(b) });
    const page = await pageOf(sidecar);
    expect(page).toContain('umbra_requests_running{lane="primary",pool="a"} 1');
    expect(page).toContain('umbra_endpoint_in_flight{pool="a",endpoint="127.0.0.1:9"} 1');
    await open.end();
    await until(async () => !(await pageOf(sidecar)).includes('pool="a"'));
    expect(await picksOf(sidecar, "a")).toEqual(["unknown_pool"]);
    expect(await pageOf(sidecar)).not.toContain("} -");
  });

  test("that returns before its last request has ended keeps its state", async () => {
    const sidecar = await start(topologyOf(a, b));
    const open = await sidecar.envoy.pick(of("a"), request);
    applyAtOnce(sidecar, { topology: topologyOf(b) });
    applyAtOnce(sidecar, { topology: topologyOf(a, b) });
    expect(await pageOf(sidecar)).toContain(
      'umbra_endpoint_in_flight{pool="a",endpoint="127.0.0.1:9"} 1',
    );
    await open.end();
    await until(async () =>
      (await pageOf(sidecar)).includes(
        'umbra_endpoint_in_flight{pool="a",endpoint="127.0.0.1:9"} 0',
      ),
    );
    expect(await picksOf(sidecar, "a")).toEqual(["127.0.0.1:9"]);
  });

  test("is the default of a third-party gateway while it is the only one", async () => {
    const sidecar = await start(topologyOf(a));
    const gateway = createForeignGateway(sidecar.grpcAddress);
    closers.push(() => gateway.close());
    const pick = async () => {
      const { headers, reply } = await gateway.request(request);
      return headers[destination]?.split(",")[0] ?? codeOf(reply?.body);
    };
    expect(await pick()).toBe("127.0.0.1:9");
    // While one replaces the other, requests are still for the old one.
    sidecar.serving.begin(topologyOf(b));
    sidecar.serving.admitEndpoints();
    expect(await pick()).toBe("127.0.0.1:9");
    sidecar.serving.retire();
    expect(await pick()).toBe("127.0.0.2:9");
    applyAtOnce(sidecar, { topology: topologyOf(a, b) });
    expect(await pick()).toBe("unknown_pool");
  });
});

test("an endpoint that comes later does not make the sidecar unready", async () => {
  const old = await modelServer();
  const sidecar = await start(topologyOf(pool("a", [old.address])));
  const status = async () => (await fetch(`http://${sidecar.adminAddress}/readyz`)).status;
  await until(async () => (await status()) === 200);
  // Takes connections but does not answer.
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  applyAtOnce(sidecar, { topology: topologyOf(pool("a", [old.address, `127.0.0.1:${port}`])) });
  expect(await status()).toBe(200);
});

test("a setting that is read only at the start keeps its value and is named", async () => {
  const topology = topologyOf(pool("a", ["127.0.0.1:9"]));
  const sidecar = await start(topology);
  const { settings } = topology.envoy;
  expect(sidecar.serving.needRestart).toEqual([]);
  applyAtOnce(sidecar, {
    topology: { ...topology, envoy: { settings: { ...settings, maxBodyBytes: 1_024 } } },
  });
  expect(sidecar.serving.needRestart).toEqual(["maxBody"]);
  expect(sidecar.serving.topology.envoy.settings.maxBodyBytes).toBe(settings.maxBodyBytes);
  applyAtOnce(sidecar, { topology });
  expect(sidecar.serving.needRestart).toEqual([]);
});
