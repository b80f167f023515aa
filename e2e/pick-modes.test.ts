import { connect } from "node:http2";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { testSize } from "../testing/test-size.ts";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { startRecordingServer } from "./harness/recording-server.ts";
import { until } from "./harness/until.ts";

const modes = ["headers", "buffered", "duplex"] as const;
type Mode = (typeof modes)[number];
type FailureMode = "FailOpen" | "FailClose";
type RecordingServer = Awaited<ReturnType<typeof startRecordingServer>>;

interface Pools {
  readonly pools: readonly {
    readonly name: string;
    readonly endpoints: readonly {
      readonly address: string;
      readonly inFlight: number;
      readonly metrics: { readonly metrics?: { readonly waitingRequests: number } };
    }[];
  }[];
}

const idle = { waiting: 0, running: 0, kvCacheUsage: 0.1, runningAdapters: [] as string[] };
const base = "/model/llama2";

/** A pool with a route of its own, which its hostname leads to. */
function served(
  name: string,
  mode: Mode,
  endpoints: string,
  { failureMode = "FailOpen", shadow }: { failureMode?: FailureMode; shadow?: string } = {},
): string {
  const annotations = `{umbra.dev/endpoints: "${endpoints}", umbra.dev/pick-mode: ${mode}, umbra.dev/model-header: x-model, umbra.dev/model: ${base}}`;
  const mirror = `
      filters: [{type: RequestMirror, requestMirror: {backendRef: {kind: Service, name: ${name}-shadow, port: 8000}}}]`;
  const service = `---
apiVersion: v1
kind: Service
metadata: {name: ${name}-shadow, annotations: ${annotations.replace(endpoints, shadow ?? "")}}
spec: {ports: [{port: 8000}]}
`;
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [${name}.example.com]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}]${shadow === undefined ? "" : mirror}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: ${annotations}}
spec: {targetPorts: [{number: 8000}], endpointPickerRef: {name: umbra, failureMode: ${failureMode}, port: {number: 9002}}}
${shadow === undefined ? "" : service}`;
}

const renames = (pool: string) => `---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: ${pool}}
spec: {modelName: food, poolRef: {name: ${pool}}, targetModels: [{name: food-v1}]}
`;

let servers: ModelServer[] = [];
let recorder: RecordingServer;
let shadow: RecordingServer;
let gateway: Gateway;

/** Without it no body beyond 1 MiB is mirrored where there is no policy. */
const largeCopies = ["--set", "maxShadowBody=6Mi", "--set", "maxHeap=8Gi"];

beforeAll(async () => {
  servers = await startModelServers(3);
  recorder = await startRecordingServer();
  shadow = await startRecordingServer();
  const pools = modes.flatMap((mode) => [
    served(mode, mode, addresses(servers)),
    served(`${mode}-closed`, mode, addresses(servers), { failureMode: "FailClose" }),
    served(`${mode}-bytes`, mode, recorder.address, { shadow: shadow.address }),
    served(`${mode}-renamed`, mode, recorder.address) + renames(`${mode}-renamed`),
  ]);
  gateway = await startGateway({
    resources: `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 80, protocol: HTTP}]}
${pools.join("")}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: canary}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [canary.example.com]
  rules:
    - backendRefs:
        - {group: inference.networking.k8s.io, kind: InferencePool, name: headers, weight: 1}
        - {group: inference.networking.k8s.io, kind: InferencePool, name: buffered, weight: 1}
`,
    renderFlags: largeCopies,
    serveFlags: largeCopies,
  });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  await stopModelServers(servers);
  await Promise.all([recorder?.close(), shadow?.close()]);
});

/** Requests of a pool that the sidecar has picked for. */
async function picks(pool: string, lane = "primary"): Promise<number> {
  const { body } = await request(`http://${gateway.admin}/metrics`);
  const wanted = `umbra_picks_total{lane="${lane}",pool="${pool}",`;
  return (await body.text())
    .split("\n")
    .filter((line) => line.startsWith(wanted) && line.includes('"picked"'))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

async function inFlight(pool: string): Promise<number> {
  const { pools } = await gateway.json<Pools>("/v1/pools");
  const found = pools.find(({ name }) => name === pool)?.endpoints ?? [];
  return found.reduce((sum, each) => sum + each.inFlight, 0);
}

/** Pins what the servers say of themselves, and waits until the sidecar has seen it. */
async function pinned(states: readonly Partial<typeof idle>[]): Promise<void> {
  for (const [index, state] of states.entries()) {
    servers[index]?.server.pinMetrics({ ...idle, ...state });
  }
  await until("the scrapes have seen every server's state", async () => {
    const { pools } = await gateway.json<Pools>("/v1/pools");
    return servers.every(({ address }, index) =>
      pools
        .flatMap(({ endpoints }) => endpoints.filter((each) => each.address === address))
        .every(({ metrics }) => metrics.metrics?.waitingRequests === (states[index]?.waiting ?? 0)),
    );
  });
}

/** Of HTTP/1.1 Envoy passes no trailers on. */
function postByHttp2(authority: string, body: string, hasTrailers: boolean): Promise<number> {
  const session = connect(gateway.origin);
  return new Promise<number>((resolve, reject) => {
    const stream = session.request(
      {
        ":method": "POST",
        ":path": "/v1/completions",
        ":authority": authority,
        "content-type": "application/json",
      },
      { waitForTrailers: hasTrailers },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "7" }));
    stream.on("response", (headers) => resolve(Number(headers[":status"])));
    stream.on("error", reject);
    stream.resume();
    stream.end(body);
  }).finally(() => session.close());
}

describe.each(modes)("picked %s", (mode) => {
  const host = `${mode}.example.com`;

  test("requests for an adapter go where it is loaded, those for the base model to the shortest queue", async () => {
    await pinned([{ waiting: 3, runningAdapters: ["sql-lora"] }, { waiting: 0 }, { waiting: 2 }]);
    const counts = () => servers.map(({ server }) => server.state().requestsServed);
    for (const { model, best } of [
      { model: "sql-lora", best: 0 },
      { model: base, best: 1 },
    ]) {
      const before = counts();
      const pickedBefore = await picks(`default/${mode}`);
      for (let i = 0; i < 8; i++) {
        const body = chat({ model });
        expect(
          (await post(gateway.origin, body, { host, headers: { "x-model": model } })).status,
        ).toBe(200);
        await until("nothing is in flight", async () => (await inFlight(`default/${mode}`)) === 0);
      }
      expect(counts().map((count, index) => count - (before[index] ?? 0))).toEqual(
        servers.map((_, index) => (index === best ? 8 : 0)),
      );
      expect(await picks(`default/${mode}`)).toBe(pickedBefore + 8);
    }
  });

  test("a burst between two scrapes is spread evenly: what is in flight is known", async () => {
    await pinned([{}, {}, {}]);
    for (const { server } of servers) server.setFaults({ delayMs: 1_000 });
    const before = servers.map(({ server }) => server.state().requestsServed);
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => post(gateway.origin, chat(), { host })),
    );
    for (const { server } of servers) server.setFaults({});
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    for (const [index, { server }] of servers.entries()) {
      expect(Math.abs(server.state().requestsServed - (before[index] ?? 0) - 10)).toBeLessThan(3);
    }
  });

  test.each([0, 1_000, 70_000, 5_000_000])(
    "a body with a prompt of %d bytes arrives as it was sent, and so does its copy",
    async (bytes) => {
      const content = 'ünï"\\\n😀 '.repeat(Math.ceil(bytes / 14)).slice(0, bytes);
      const body = `{ "model":"${base}", "n":1.0,"messages" :[{"role":"user","content":${JSON.stringify(content)}}] }`;
      const mirrored = `service:default/${mode}-bytes-shadow:8000`;
      const before = { own: recorder.received.length, copies: shadow.received.length };
      const pickedBefore = await picks(mirrored, "shadow");
      const seen = await post(gateway.origin, body, { host: `${mode}-bytes.example.com` });
      expect(seen.status).toBe(200);
      await until("the copy is there", () => shadow.received.length > before.copies);
      // Not toEqual: of megabytes that differ, it would print both.
      expect(recorder.received[before.own]?.body === body).toBe(true);
      expect(shadow.received[before.copies]?.body === body).toBe(true);
      await until(
        "the copy was picked",
        async () => (await picks(mirrored, "shadow")) > pickedBefore,
      );
    },
    30_000,
  );

  test("chunks of a body without a length arrive in order", async () => {
    const pieces = Array.from(
      { length: 40 },
      (_, i) => `${String(i).padStart(4, "0")}${"x".repeat(9_000)}`,
    );
    const parts = [`{"model":"${base}","prompt":"`, ...pieces, '"}'];
    const before = recorder.received.length;
    const { statusCode, body } = await request(`${gateway.origin}/v1/completions`, {
      method: "POST",
      headers: { host: `${mode}-bytes.example.com`, "content-type": "application/json" },
      body: Readable.from(parts),
    });
    await body.dump();
    expect(statusCode).toBe(200);
    expect(recorder.received[before]?.body === parts.join("")).toBe(true);
  });

  test.each([
    ["its last piece", false],
    ["trailers", true],
  ])(
    "a body by HTTP/2 that ends with %s arrives once, or not at all",
    async (_name, hasTrailers) => {
      const body = `{"model":"${base}","prompt":"${"x".repeat(3_000_000)}"}`;
      const before = recorder.received.length;
      const status = await postByHttp2(`${mode}-bytes.example.com`, body, hasTrailers);
      const arrived = recorder.received.slice(before);
      const seen = [status, ...arrived.map((each) => each.body === body)];
      // Envoy would send it twice.
      const isRefused = mode === "duplex" && hasTrailers;
      expect(seen).toEqual(isRefused ? [400] : [200, true]);
    },
  );

  test("a rewrite of the model's name changes those bytes only", async () => {
    const body = `{"model" : "food","n":1.0,"prompt":"${"x".repeat(200_000)}"}`;
    const before = recorder.received.length;
    // A pool whose models are renamed can't be picked by headers, and is not.
    const seen = await post(gateway.origin, body, { host: `${mode}-renamed.example.com` });
    expect(seen.status).toBe(200);
    expect(recorder.received[before]?.body === body.replace("food", "food-v1")).toBe(true);
  });

  test("a client that leaves frees its place, and other clients are not affected", async () => {
    for (const { server } of servers) server.setFaults({ delayMs: 3_000 });
    const leaving = Array.from({ length: 5 }, () => new AbortController());
    const left = leaving.map(({ signal }) => post(gateway.origin, chat(), { host, signal }));
    const staying = post(gateway.origin, chat(), { host });
    await until("all are in flight", async () => (await inFlight(`default/${mode}`)) === 6);
    for (const each of leaving) each.abort();
    await until("their places are free", async () => (await inFlight(`default/${mode}`)) === 1);
    for (const { server } of servers) server.setFaults({});
    expect((await Promise.all(left)).map(({ status }) => status)).toEqual([0, 0, 0, 0, 0]);
    expect((await staying).status).toBe(200);
    await until("nothing is in flight", async () => (await inFlight(`default/${mode}`)) === 0);
  });

  // `npm run test:endurance` sends 30,000 in each mode.
  const each = testSize(15, 60);
  test(`${8 * each} requests: every one is answered and picked, and no stream fails`, async () => {
    const before = await picks(`default/${mode}-bytes`);
    const failed = await gateway.stat(/ext_proc\.pick_primary\.streams_failed$/);
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const seen: number[] = [];
        for (let i = 0; i < each; i++) {
          const { status } = await post(gateway.origin, chat(), {
            host: `${mode}-bytes.example.com`,
          });
          seen.push(status);
        }
        return seen;
      }),
    );
    expect(answers.flat().filter((status) => status !== 200)).toEqual([]);
    expect(await picks(`default/${mode}-bytes`)).toBe(before + 8 * each);
    expect(await gateway.stat(/ext_proc\.pick_primary\.streams_failed$/)).toBe(failed);
  }, 60_000);
});

test("pools of one rule are picked in the more demanding mode of both, each in its own pool", async () => {
  await pinned([{}, {}, {}]);
  const before = [await picks("default/headers"), await picks("default/buffered")];
  const bad = await post(gateway.origin, "not JSON", { host: "canary.example.com" });
  // By headers nobody would have read it.
  expect(bad.status).toBe(400);
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => post(gateway.origin, chat(), { host: "canary.example.com" })),
  );
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  const after = [await picks("default/headers"), await picks("default/buffered")];
  const shares = after.map((count, index) => count - (before[index] ?? 0));
  expect(shares.reduce((sum, share) => sum + share)).toBe(60);
  // Six standard deviations of 60 draws are 24.
  for (const share of shares) expect(Math.abs(share - 30)).toBeLessThan(24);
});

/** Last: the sidecar hangs, and then is dead. */
describe("the picker fails", () => {
  const rows = modes.flatMap((mode) =>
    (["FailOpen", "FailClose"] as const).map((failureMode) => ({
      mode,
      failureMode,
      host: `${mode}${failureMode === "FailOpen" ? "" : "-closed"}.example.com`,
      pool: `default/${mode}${failureMode === "FailOpen" ? "" : "-closed"}`,
      // What no setting of Envoy fixes: with a body under way `duplex` fails closed.
      goesOn: failureMode === "FailOpen" && mode !== "duplex",
    })),
  );
  const all = (promptBytes: number) =>
    Promise.all(rows.map(({ host }) => post(gateway.origin, chat({ promptBytes }), { host })));
  const statuses = (refused: (row: (typeof rows)[number]) => number) =>
    rows.map((row) => (row.goesOn ? 200 : refused(row)));

  test("hanging: a request waits for the pick's time limit, by `duplex` until the connection is found dead", async () => {
    gateway.sidecar().process.kill("SIGSTOP");
    const answers = await all(20_000);
    gateway.sidecar().process.kill("SIGCONT");
    expect(answers.map(({ status }) => status)).toEqual(
      statuses(({ mode }) => (mode === "duplex" ? 503 : 504)),
    );
  }, 60_000);

  test("killed: requests that wait for their answer continue where nothing depends on the picker", async () => {
    await until("picks are back", async () =>
      (await all(20)).every(({ status }) => status === 200),
    );
    for (const { server } of servers) server.setFaults({ delayMs: 3_000 });
    const answers = all(20_000);
    await until("all are in flight", async () => {
      const counts = await Promise.all(rows.map(({ pool }) => inFlight(pool)));
      return counts.every((count) => count === 1);
    });
    await gateway.sidecar().stop("SIGKILL");
    for (const { server } of servers) server.setFaults({});
    expect((await answers).map(({ status }) => status)).toEqual(statuses(() => 503));
  }, 60_000);

  test("dead: FailOpen holds, by `duplex` as soon as Envoy has found out", async () => {
    for (const { host, mode, failureMode, goesOn } of rows) {
      const once = async () =>
        (await post(gateway.origin, chat({ promptBytes: 20_000 }), { host })).status;
      const isLate = mode === "duplex" && failureMode === "FailOpen";
      if (isLate) await until("Envoy knows that nobody picks", async () => (await once()) === 200);
      const want = isLate || goesOn ? 200 : 503;
      expect({ host, status: await once() }).toEqual({ host, status: want });
    }
  }, 30_000);
});
