import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { directTopology, type Pool } from "@umbra/envoy-config";
import { readModelList } from "@umbra/openai";
import { createServerPace } from "@umbra/scheduler/internal";
import { selfSigned } from "@umbra/sidecar/internal";
import { createPoolRegistry } from "../src/pools/pool-registry.ts";
import type { ModelList } from "../src/pools/served-models.ts";
import type { ServedPool } from "../src/pools/served-pool.ts";
import { modelListReply } from "../src/requests/model-list-reply.ts";
import { pathOf, readModel } from "../src/requests/read-model.ts";
import { createEndpointClient, type Page } from "../src/scrape/endpoint-client.ts";
import { createListSchedule } from "../src/scrape/list-schedule.ts";
import type { PageReport } from "../src/scrape/page-outcome.ts";
import { startScrapeLoop } from "../src/scrape/scrape-loop.ts";

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Answer = readonly [status: number, body: string, headers?: Record<string, string>];
type Pages = (path: string, request: IncomingMessage) => Answer;

const page =
  "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n";
const listOf = (...ids: readonly string[]) =>
  JSON.stringify({
    object: "list",
    data: ids.map((id) => ({ id, parent: id === "m" ? null : "m" })),
  });

interface Server {
  readonly address: string;
  /** Paths and `authorization` headers of received requests. */
  readonly asked: { readonly path: string; readonly key: string | undefined }[];
}

async function serve(
  pages: Pages,
  tls?: { readonly cert: string; readonly key: string },
): Promise<Server> {
  const asked: Server["asked"] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "";
    asked.push({ path, key: request.headers.authorization });
    const [status, body, headers = {}] = pages(path, request);
    response.writeHead(status, headers).end(body);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** A vLLM server. `other` answers first. */
const vllm =
  (models: string, other: (path: string) => Answer | undefined = () => undefined): Pages =>
  (path) =>
    other(path) ??
    (path === "/metrics" ? [200, page] : path === "/v1/models" ? [200, models] : [200, ""]);

function scraped(
  servers: readonly Server[],
  more: Partial<Pool> = {},
  options: {
    readonly authorization?: () => string | undefined;
    readonly intervalMs?: number;
    readonly now?: () => number;
  } = {},
) {
  const topology = directTopology({
    primary: servers.map(({ address }) => address),
    shadow: [],
    port: 80,
  });
  const pools = topology.pools.map((pool) => ({ ...pool, ...more }));
  const now = options.now ?? (() => performance.now());
  const registry = createPoolRegistry(
    { ...topology, pools },
    { now, random: Math.random, staleAfterMs: 2_000 },
  );
  const [pool] = registry.values() as unknown as [ServedPool];
  const reports: PageReport[] = [];
  const lists: string[] = [];
  const outcomes: string[] = [];
  const loop = startScrapeLoop({
    pools: registry,
    intervalMs: options.intervalMs ?? 10,
    staleAfterMs: 2_000,
    timeoutMs: 1_000,
    now,
    random: Math.random,
    authorization: options.authorization,
    onScrape: (_pools, outcome) => void outcomes.push(outcome),
    onModelList: (_pools, outcome) => void lists.push(outcome),
    onPageChange: (report) => void reports.push(report),
  });
  closers.push(() => loop.close());
  const endpoints = () => pool.state.snapshot().endpoints;
  return { pool, loop, reports, lists, outcomes, endpoints, name: pool.name };
}

async function until(holds: () => boolean, limitMs = 4_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error("the expected condition did not occur");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("the location of a metrics page", () => {
  const elsewhere: Pages = (path) =>
    path === "/prometheus/metrics"
      ? [200, "trtllm_num_requests_waiting 0\ntrtllm_num_requests_running 1\n"]
      : path === "/metrics"
        ? [200, "[]", { "content-type": "application/json" }]
        : [404, ""];

  test("an engine's own default is tried first", async () => {
    const server = await serve(elsewhere);
    const labels = { "llm-d.ai/engine-type": "trtllm-serve" };
    const { endpoints } = scraped([server], { endpointLabels: { [server.address]: labels } });
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    expect(server.asked.map(({ path }) => path)).not.toContain("/metrics");
    expect(endpoints()[0]?.lastFailure).toBeUndefined();
  });

  test("for JSON at /metrics of an unknown engine, /prometheus/metrics is tried next", async () => {
    const server = await serve(elsewhere);
    const { endpoints } = scraped([server]);
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    expect(endpoints()[0]?.lastFailure).toBeUndefined();
  });

  test("a configured path, port and scheme are the only location", async () => {
    const certificate = await selfSigned();
    const metrics = await serve((path) => (path === "/m" ? [200, page] : [404, ""]), certificate);
    const server = await serve(vllm(listOf("m")));
    const port = Number(metrics.address.split(":")[1]);
    const { endpoints } = scraped([server], { scrape: { path: "/m", port, scheme: "https" } });
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    expect(new Set(metrics.asked.map(({ path }) => path))).toEqual(new Set(["/m"]));
    expect(server.asked.map(({ path }) => path)).not.toContain("/metrics");
  });

  test("another exporter's page in a hint does not hide the endpoint's own page", async () => {
    const exporter = await serve(() => [200, "DCGM_FI_DEV_GPU_UTIL 1\n"]);
    const server = await serve(vllm(listOf("m")));
    const port = Number(exporter.address.split(":")[1]);
    const { endpoints } = scraped([server], {
      endpointScrape: { [server.address]: { port, isHint: true } },
    });
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    expect(endpoints()[0]?.lastFailure).toBeUndefined();
  });

  test("a hint is used if the endpoint has no page of its own", async () => {
    const exporter = await serve(() => [200, page]);
    const server = await serve((path) => (path === "/v1/models" ? [200, listOf("m")] : [404, ""]));
    const port = Number(exporter.address.split(":")[1]);
    const { endpoints } = scraped([server], {
      endpointScrape: { [server.address]: { port, isHint: true } },
    });
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    expect(endpoints()[0]?.lastFailure).toBeUndefined();
  });

  test("an endpoint's own page is read when it exists, even if nothing answers at the hint", async () => {
    let status = 503;
    const server = await serve(
      vllm(listOf("m"), (path) => (path.endsWith("/metrics") ? [status, page] : undefined)),
    );
    const hinted = createServer();
    await new Promise<void>((resolve) => hinted.listen(0, "127.0.0.1", resolve));
    const { port } = hinted.address() as AddressInfo;
    await new Promise((resolve) => hinted.close(resolve));
    const { endpoints } = scraped([server], {
      endpointScrape: { [server.address]: { port, isHint: true } },
    });
    const asked = () => server.asked.filter(({ path }) => path.endsWith("/metrics")).length;
    await until(() => asked() >= 4);
    status = 200;
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    expect(endpoints()[0]?.lastFailure).toBeUndefined();
  });

  test("a hint is used if the endpoint's own page never shows load", async () => {
    let ms = 0;
    const exporter = await serve(() => [200, page]);
    const server = await serve((path) =>
      path === "/v1/models" ? [200, listOf("m")] : [200, "python_info 1.0\n"],
    );
    const port = Number(exporter.address.split(":")[1]);
    const { endpoints, pool, outcomes } = scraped(
      [server],
      { endpointScrape: { [server.address]: { port, isHint: true } } },
      { now: () => performance.now() + ms },
    );
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    pool.state.recordAnswer(server.address, { status: 200 });
    ms = 11_000;
    await until(() => exporter.asked.length > 1);
    await until(() => outcomes.at(-1) === "ok");
    expect(outcomes).toContain("bad_metrics");
    expect(endpoints()[0]?.metrics).toMatchObject({ kind: "fresh", metrics: { kvCacheUsage: 0 } });
    expect(endpoints()[0]?.lastFailure).toBeUndefined();
  });

  test("the annotations of an endpoint's Pod override those of its pool", async () => {
    const server = await serve(vllm("", (path) => (path === "/own" ? [200, page] : undefined)));
    const { endpoints } = scraped([server], {
      scrape: { path: "/pool" },
      endpointScrape: { [server.address]: { path: "/own" } },
    });
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    expect(server.asked.map(({ path }) => path)).not.toContain("/pool");
  });
});

describe("an unreadable page is reported by name", () => {
  test.each<{ name: string; answer: Answer; reason: RegExp; outcome: string }>([
    {
      name: "JSON",
      answer: [200, '{"a":1}'],
      reason: /JSON, not a metrics page: set/,
      outcome: "wrong_page",
    },
    {
      name: "HTML",
      answer: [200, "\n<!doctype html>"],
      reason: /HTML, not a metrics page: set/,
      outcome: "wrong_page",
    },
    { name: "nothing", answer: [200, ""], reason: /is empty, .*: turn/, outcome: "wrong_page" },
    { name: "blanks", answer: [200, "\n \n"], reason: /is empty, .*: turn/, outcome: "wrong_page" },
    { name: "gzip", answer: [200, "\u001f\u008b"], reason: /compressed/, outcome: "wrong_page" },
    {
      name: "404",
      answer: [404, "no"],
      reason: /answered 404: set the metrics path/,
      outcome: "bad_status",
    },
    {
      name: "501",
      answer: [501, "no"],
      reason: /answered 501: .*--metrics/,
      outcome: "bad_status",
    },
    {
      name: "401",
      answer: [401, "no"],
      reason: /answered 401: .*--endpoint-key-file/,
      outcome: "refused",
    },
    {
      name: "403",
      answer: [403, "no"],
      reason: /answered 403: .*--endpoint-key-file/,
      outcome: "refused",
    },
    { name: "500", answer: [500, "no"], reason: /^\/x answered 500$/, outcome: "bad_status" },
  ])("$name", async ({ answer, reason, outcome }) => {
    const gzip = answer[1] === "\u001f\u008b";
    const server = await serve((path) =>
      path === "/x"
        ? [answer[0], gzip ? (Buffer.from([0x1f, 0x8b]) as never) : answer[1]]
        : [404, ""],
    );
    const { endpoints, reports } = scraped([server], { scrape: { path: "/x" } });
    await until(() => reports.some((each) => each.page === "metrics"));
    expect(endpoints()[0]?.lastFailure).toMatch(reason);
    expect(endpoints()[0]?.metrics.kind).toBe("missing");
    await until(() => server.asked.filter(({ path }) => path === "/x").length > 3);
    expect(reports.filter((each) => each.page === "metrics")).toMatchObject([{ outcome }]);
  });
});

describe("redirects", () => {
  const get = (address: string, path: string, key?: string): Promise<Page> => {
    const client = createEndpointClient(address, 1_000, { authorization: () => key });
    closers.push(() => client.close());
    return new Promise((resolve) =>
      client.get(path, (answer) =>
        resolve(answer.ok ? { ok: true, bytes: Buffer.from(answer.bytes) } : answer),
      ),
    );
  };

  test("on the same server are followed and cached", async () => {
    const server = await serve((path) =>
      path === "/a" ? [307, "x", { location: "/a/" }] : [200, "page"],
    );
    const client = createEndpointClient(server.address, 1_000);
    closers.push(() => client.close());
    for (let i = 0; i < 2; i++) await new Promise((resolve) => client.get("/a", resolve));
    expect(server.asked.map(({ path }) => path)).toEqual(["/a", "/a/", "/a/"]);
    expect(await get(server.address, "/a")).toMatchObject({ ok: true, bytes: Buffer.from("page") });
  });

  test("to another server are not followed, so the key is not sent", async () => {
    const other = await serve(() => [200, page]);
    const server = await serve(() => [302, "", { location: `http://${other.address}/metrics` }]);
    expect(await get(server.address, "/a", "Bearer k")).toMatchObject({
      code: "bad_status",
      reason: "/a answered 302",
    });
    expect(other.asked).toEqual([]);
    expect(server.asked).toEqual([{ path: "/a", key: "Bearer k" }]);
  });

  test("in a circle end", async () => {
    const server = await serve(() => [302, "", { location: "/a" }]);
    expect(await get(server.address, "/a")).toMatchObject({ ok: false, code: "bad_status" });
    expect(server.asked).toHaveLength(4);
  });
});

describe("TLS to an endpoint", () => {
  test("is verified if a name is given, and not verified without one", async () => {
    const certificate = await selfSigned();
    const server = await serve(vllm(listOf("m")), certificate);
    const unverified = scraped([server], { tls: {} });
    await until(() => unverified.endpoints()[0]?.metrics.kind === "fresh");
    const verified = scraped([server], { tls: { hostname: "localhost", caPem: certificate.cert } });
    await until(() => verified.endpoints()[0]?.metrics.kind === "fresh");
    const unknownAuthority = scraped([server], { tls: { hostname: "localhost" } });
    await until(() => unknownAuthority.endpoints()[0]?.lastFailure !== undefined);
    expect(unknownAuthority.endpoints()[0]?.metrics.kind).toBe("missing");
    const wrongName = scraped([server], { tls: { hostname: "other", caPem: certificate.cert } });
    await until(() => wrongName.endpoints()[0]?.lastFailure !== undefined);
    expect(wrongName.endpoints()[0]?.metrics.kind).toBe("missing");
  });
});

describe("the key of endpoints with TLS", () => {
  test("is never sent in plain text, wherever the metrics page is", async () => {
    const certificate = await selfSigned();
    const server = await serve(vllm(listOf("m")), certificate);
    const metrics = await serve(() => [200, page]);
    const port = Number(metrics.address.split(":")[1]);
    const { endpoints, pool } = scraped(
      [server],
      { tls: {}, scrape: { port, scheme: "http" } },
      { authorization: () => "Bearer k" },
    );
    await until(() => endpoints()[0]?.metrics.kind === "fresh" && pool.served.has("m"));
    expect(new Set(metrics.asked.map(({ key }) => key))).toEqual(new Set([undefined]));
    expect(server.asked.map(({ key }) => key)).toContain("Bearer k");
  });
});

describe("a server that requires a key", () => {
  const guarded: Pages = (path, request) =>
    path === "/v1/models" && request.headers.authorization !== "Bearer k"
      ? [401, "{}"]
      : vllm(listOf("m", "ad"))(path, request);

  test("refuses its list: reported once, counted, and all names are accepted", async () => {
    const server = await serve(guarded);
    const { reports, lists, pool } = scraped([server]);
    await until(() => reports.length > 0);
    expect(reports).toEqual([
      {
        address: server.address,
        pools: [pool.name],
        page: "models",
        outcome: "refused",
        reason: "/v1/models answered 401",
      },
    ]);
    expect(lists[0]).toBe("refused");
    expect(pool.served.hasUnread()).toBe(true);
  });

  test("shows its list for the key, which may change", async () => {
    let key: string | undefined = "Bearer old";
    const server = await serve(guarded);
    const { pool, reports } = scraped([server], {}, { authorization: () => key });
    await until(() => reports.length === 1);
    key = "Bearer k";
    await until(() => pool.served.isAdapter("ad"), 8_000);
    expect(reports.map(({ outcome }) => outcome)).toEqual(["refused", "ok"]);
    expect(pool.served.hasUnread()).toBe(false);
  }, 12_000);

  test("names adapters on its metrics page: they count even without a list", async () => {
    const lora =
      'vllm:lora_requests_info{max_lora="2",running_lora_adapters="ad",waiting_lora_adapters="bd"} 1\n';
    const server = await serve((path, request) =>
      path === "/metrics" ? [200, page + lora] : guarded(path, request),
    );
    const { pool } = scraped([server]);
    await until(() => pool.served.isAdapter("bd"));
    expect(pool.served.isAdapter("ad")).toBe(true);
    expect(pool.served.isAdapter("m")).toBe(false);
  });
});

describe("whether a list is shown without the key", () => {
  test("is decided by 200 and 403: other failures change nothing", async () => {
    let anonymous = 200;
    let adapters: string[] = [];
    const server = await serve((path, request) =>
      path === "/v1/models" && request.headers.authorization === undefined && anonymous !== 200
        ? [anonymous, ""]
        : vllm(listOf("m", ...adapters))(path, request),
    );
    const { pool } = scraped([server], {}, { authorization: () => "Bearer k" });
    await until(() => pool.served.has("m"));
    const seen = [pool.served.isGuarded];
    for (const status of [500, 403, 503, 200]) {
      anonymous = status;
      adapters = [`a${status}`];
      await until(() => {
        pool.served.markDoubtful(server.address);
        return pool.served.has(`a${status}`);
      }, 5_000);
      seen.push(pool.served.isGuarded);
    }
    expect(seen).toEqual([false, false, true, true, false]);
  }, 30_000);
});

test.each<{ name: string; text: string; isGuarded: boolean }>([
  { name: "a login page", text: "<html>Log in</html>", isGuarded: true },
  { name: "no models", text: listOf(), isGuarded: true },
  { name: "some of the models", text: listOf("m"), isGuarded: true },
  { name: "all models and more", text: listOf("m", "ad", "x"), isGuarded: false },
])(
  "whether a list is guarded depends on the answer without the key: $name",
  async ({ text, isGuarded }) => {
    const server = await serve((path, request) =>
      path === "/v1/models" && request.headers.authorization === undefined
        ? [200, text]
        : vllm(listOf("m", "ad"))(path, request),
    );
    const { pool } = scraped([server], {}, { authorization: () => "Bearer k" });
    await until(() => pool.served.has("m"));
    expect(pool.served.isGuarded).toBe(isGuarded);
  },
);

describe("model lists of a pool", () => {
  test("that differ route requests to their model and are merged for clients", async () => {
    const servers = [await serve(vllm(listOf("m"))), await serve(vllm(listOf("m", "ad")))];
    const { pool, loop, name } = scraped(servers);
    await until(() => loop.hasTried(new Set([name])));
    const picks = Array.from({ length: 20 }, () => pool.state.pick({ model: "ad" }));
    expect(picks.map((each) => each.ok && [each.endpoint, ...each.fallbacks])).toEqual(
      Array.from({ length: 20 }, () => [servers[1]?.address]),
    );
    expect(JSON.parse(pool.served.union ?? "")).toEqual({
      object: "list",
      data: [
        { id: "m", parent: null },
        { id: "ad", parent: "m" },
      ],
    });
  });

  test.each<{ name: string; headers: Record<string, string>; key?: string; isOurs: boolean }>([
    { name: "for everyone, if no key is needed", headers: {}, isOurs: true },
    { name: "not for another path", headers: { ":path": "/v1/models/m" }, isOurs: false },
    { name: "also with a query", headers: { ":path": "/v1/models?x=1" }, isOurs: true },
    { name: "not for another method", headers: { ":method": "HEAD" }, isOurs: false },
    { name: "for the key", headers: { authorization: "Bearer k" }, key: "Bearer k", isOurs: true },
    {
      name: "not for another key",
      headers: { authorization: "Bearer l" },
      key: "Bearer k",
      isOurs: false,
    },
    { name: "not without a key", headers: {}, key: "Bearer k", isOurs: false },
  ])("that differ are answered by Umbra $name", async ({ headers, key, isOurs }) => {
    const pages =
      (models: string): Pages =>
      (path, request) =>
        key !== undefined && path === "/v1/models" && request.headers.authorization !== key
          ? [401, ""]
          : vllm(models)(path, request);
    const servers = [await serve(pages(listOf("m"))), await serve(pages(listOf("n")))];
    const { pool, loop, name } = scraped(servers, {}, { authorization: () => key ?? "Bearer x" });
    await until(() => loop.hasTried(new Set([name])) && pool.served.union !== undefined);
    const all = new Map(Object.entries({ ":method": "GET", ":path": "/v1/models", ...headers }));
    const reply = modelListReply(pool, pathOf(all), all, () => key ?? "Bearer x");
    expect(reply?.status).toBe(isOurs ? 200 : undefined);
  });

  describe("decide about a request without a model", () => {
    const list = (base: string[], adapters: string[] = []): ModelList => ({
      base,
      adapters,
      parents: new Map(),
    });
    const [one, other] = ["h:1", "h:2"] as const;
    test.each<{ name: string; lists: [string, ModelList][]; want: object }>([
      { name: "none was read", lists: [], want: { ok: true, model: undefined } },
      {
        name: "one name",
        lists: [[one, list(["m"])]],
        want: { ok: true, model: "m" },
      },
      {
        name: "two names of one model",
        lists: [[one, list(["m", "alias"])]],
        want: { ok: true, model: undefined },
      },
      {
        name: "the same names, other adapters",
        lists: [
          [one, list(["m", "alias"], ["a"])],
          [other, list(["alias", "m"])],
        ],
        want: { ok: true, model: undefined },
      },
      {
        name: "different models",
        lists: [
          [one, list(["m"])],
          [other, list(["n"])],
        ],
        want: { ok: false, code: "missing_model" },
      },
      {
        name: "one additional name on one endpoint",
        lists: [
          [one, list(["m", "alias"])],
          [other, list(["m"])],
        ],
        want: { ok: false, code: "missing_model" },
      },
    ])("$name", ({ lists, want }) => {
      const pool = createPoolRegistry(
        directTopology({ primary: [one, other], shadow: [], port: 80 }),
        { now: () => 0, random: () => 0, staleAfterMs: 2_000 },
      )
        .values()
        .next().value as ServedPool;
      for (const [address, models] of lists) pool.served.record(address, models);
      const headers = new Map([
        [":method", "POST"],
        ["content-type", "application/json"],
      ]);
      const body = Buffer.from('{"messages":[]}');
      const read = readModel(headers, "/v1/chat/completions", body, pool, false);
      expect(read).toMatchObject(want);
    });
  });

  test.each([
    {
      name: "no names that can be read",
      text: '{"data":["m",{"id":7},{"name":"m"},null]}',
      want: undefined,
    },
    { name: "one such name", text: '{"data":["x",{"id":"m"}]}', want: ["m"] },
    { name: "nothing", text: '{"data":[]}', want: [] },
    { name: "a byte order mark before it", text: `\ufeff${listOf("m")}`, want: ["m"] },
    { name: "no list", text: '[{"id":"m"}]', want: undefined },
  ])("are read without changes: with $name", ({ text, want }) => {
    expect(readModelList(text)?.base).toEqual(want);
  });

  test("of 1,000 models in vLLM's format are read completely", () => {
    const id = (i: number) => `adapter-${i}-${"n".repeat(40)}`;
    const data = Array.from({ length: 1_000 }, (_, i) => ({
      ...{ id: id(i), object: "model", created: 1_764_000_000, owned_by: "vllm" },
      ...{ root: `/models/adapters/${id(i)}/checkpoint`, parent: "meta-llama/Llama-3.1-8B" },
      max_model_len: 131_072,
      permission: [
        {
          ...{
            id: `modelperm-${"0".repeat(32)}`,
            object: "model_permission",
            created: 1_764_000_000,
          },
          ...{ allow_create_engine: false, allow_sampling: true, allow_logprobs: true },
          ...{ allow_search_indices: false, allow_view: true, allow_fine_tuning: false },
          ...{ organization: "*", group: null, is_blocking: false },
        },
      ],
    }));
    const text = JSON.stringify({ object: "list", data });
    expect(text.length).toBeGreaterThan(500_000);
    expect(readModelList(text)?.adapters).toHaveLength(1_000);
  });

  test("that are too long are reported as such", async () => {
    const server = await serve(vllm(JSON.stringify({ data: [{ id: "x".repeat(1_048_576) }] })));
    const { reports, lists } = scraped([server]);
    await until(() => reports.length > 0);
    expect(reports).toMatchObject([
      { page: "models", outcome: "too_large", reason: "/v1/models is longer than 1 MiB" },
    ]);
    expect(lists[0]).toBe("too_large");
  });

  test("of a hostile size are limited", () => {
    const pool = createPoolRegistry(
      directTopology({ primary: ["h:1", "h:2"], shadow: [], port: 80 }),
      {
        now: () => 0,
        random: () => 0,
        staleAfterMs: 2_000,
      },
    )
      .values()
      .next().value as ServedPool;
    const list = (prefix: string) =>
      readModelList(
        JSON.stringify({
          data: Array.from({ length: 1_200 }, (_, i) => ({
            id: `${prefix}${i}`,
            x: "y".repeat(150),
          })),
        }),
      ) as ModelList;
    pool.served.record("h:1", list("a"));
    pool.served.record("h:2", list("b"));
    const { data } = JSON.parse(pool.served.union ?? "") as { data: unknown[] };
    expect(data).toHaveLength(1_000);
    expect(
      readModelList(JSON.stringify({ data: [{ id: "m", x: "y".repeat(5_000) }] }))?.entries,
    ).toEqual(new Map([["m", '{"id":"m","object":"model"}']]));
  });

  test("that are equal are answered by an endpoint", async () => {
    const servers = [await serve(vllm(listOf("m", "ad"))), await serve(vllm(listOf("ad", "m")))];
    const { pool, loop, name } = scraped(servers);
    await until(() => loop.hasTried(new Set([name])));
    expect(pool.served.union).toBeUndefined();
  });

  test("are read again soon after a 404, and when the page names an unknown adapter", async () => {
    let models = listOf("m");
    let lora = "";
    const server = await serve((path, request) =>
      path === "/metrics" ? [200, page + lora] : vllm(models)(path, request),
    );
    const { pool } = scraped([server]);
    await until(() => pool.served.has("m"));
    models = listOf("m", "loaded");
    pool.served.markDoubtful(server.address);
    await until(() => pool.served.isAdapter("loaded"), 3_000);
    models = listOf("m", "later");
    lora =
      'vllm:lora_requests_info{max_lora="2",running_lora_adapters="later",waiting_lora_adapters=""} 1\n';
    await until(() => pool.served.has("later"), 3_000);
    expect(server.asked.filter(({ path }) => path === "/v1/models").length).toBeLessThan(8);
  }, 10_000);

  test.each<{
    name: string;
    run: (schedule: ReturnType<typeof createListSchedule>) => number[];
    want: number[];
  }>([
    {
      name: "every 10 s",
      run: (schedule) => readings(schedule, 30_000, "unchanged", false),
      want: [0, 10_000, 20_000, 30_000],
    },
    {
      name: "1, 2, 4, 8 and 10 s after an early read without a change",
      run: (schedule) => readings(schedule, 30_000, "unchanged", true),
      want: [0, 2_000, 6_000, 14_000, 24_000, 25_000, 27_000],
    },
    {
      name: "each second while it changes",
      run: (schedule) => readings(schedule, 3_000, "changed", true),
      want: [0, 1_000, 2_000, 3_000],
    },
    {
      name: "less and less often while it can't be read",
      run: (schedule) => readings(schedule, 30_000, "failed", true),
      want: [0, 2_000, 6_000, 14_000, 24_000],
    },
  ])("are read $name", ({ run, want }) => {
    expect(run(createListSchedule())).toEqual(want);
  });

  function readings(
    schedule: ReturnType<typeof createListSchedule>,
    untilMs: number,
    outcome: "changed" | "unchanged" | "failed",
    isHurried: boolean,
  ): number[] {
    const at: number[] = [];
    for (let ms = 0; ms <= untilMs; ms += 500) {
      if (isHurried) schedule.hurry();
      if (!schedule.isDue(ms)) continue;
      at.push(ms);
      schedule.begin(ms);
      schedule.end(outcome);
    }
    return at;
  }
});

describe("a server that reports not ready", () => {
  test("is not picked until it is ready, and is rarely checked", async () => {
    let status = 503;
    const health = (path: string): Answer | undefined =>
      path === "/health" ? [status, ""] : undefined;
    const servers = [await serve(vllm(listOf("m"), health)), await serve(vllm(listOf("m")))];
    const { endpoints } = scraped(servers);
    await until(() => endpoints()[0]?.isReady === false);
    status = 200;
    await until(() => endpoints()[0]?.isReady === true);
    const scrapes = servers[1]?.asked.filter(({ path }) => path === "/metrics").length ?? 0;
    const asked = servers[1]?.asked.filter(({ path }) => path === "/health").length ?? 0;
    expect(scrapes).toBeGreaterThan(5 * asked);
  });

  test("503 alone counts: a server without the page is ready", async () => {
    const server = await serve(
      vllm(listOf("m"), (path) => (path === "/health" ? [404, ""] : undefined)),
    );
    const { endpoints } = scraped([server]);
    await until(() => server.asked.filter(({ path }) => path === "/health").length > 0);
    await until(() => server.asked.at(-1)?.path === "/metrics");
    expect(endpoints()[0]?.isReady).toBe(true);
  });
});

describe("the pace of scraping one server", () => {
  test.each([
    { name: "a quick page: as wanted", pagesMs: [1, 1, 1], want: 100 },
    { name: "11 ms, as of a real vLLM: 3 % of its core", pagesMs: [11, 11, 11], want: 367 },
    {
      name: "a first page with connection setup: by the faster ones",
      pagesMs: [50, 11],
      want: 367,
    },
    {
      name: "one page that waited for other work: hardly slower",
      pagesMs: [11, 11, 31],
      want: 400,
    },
    { name: "a slow page: no longer than the longest", pagesMs: [200, 200], want: 800 },
    { name: "no page yet: as wanted", pagesMs: [], want: 100 },
  ])("$name", ({ pagesMs, want }) => {
    const pace = createServerPace({ wantedMs: 100, longestMs: 800 });
    for (const ms of pagesMs) pace.record(ms);
    expect(Math.round(pace.intervalMs())).toBe(want);
  });

  test("an endpoint with a slow page is scraped less often, and its metrics stay fresh", async () => {
    const busy = await serve((path, request) => {
      const endMs = performance.now() + 12;
      while (path === "/metrics" && performance.now() < endMs);
      return vllm(listOf("m"))(path, request);
    });
    const { endpoints } = scraped([busy], {}, { intervalMs: 20 });
    await until(() => endpoints()[0]?.metrics.kind === "fresh");
    const scrapes = () => busy.asked.filter(({ path }) => path === "/metrics").length;
    const [before, startedMs] = [scrapes(), performance.now()];
    const kinds = new Set<string | undefined>();
    await until(() => {
      kinds.add(endpoints()[0]?.metrics.kind);
      return scrapes() >= before + 4;
    }, 8_000);
    expect(performance.now() - startedMs).toBeGreaterThan(800);
    expect(kinds).toEqual(new Set(["fresh"]));
  }, 12_000);
});

describe("pages that take too long to read", () => {
  const labels = Array.from({ length: 63 }, (_, i) => `l${i}="v"`).join(",");
  const wide = page + `vllm:num_requests_waiting{${labels}} 0\n`.repeat(8_000);

  test("make the sidecar back off from their endpoint only, and are reported", async () => {
    const hostile = await serve((path) => [200, path === "/metrics" ? wide : listOf("m")]);
    const honest = await serve(vllm(listOf("m")));
    const { endpoints, outcomes } = scraped([hostile, honest], {}, { intervalMs: 50 });
    const of = ({ address }: Server) => endpoints().find((each) => each.address === address);
    const pages = ({ asked }: Server) => asked.filter(({ path }) => /metrics/.test(path)).length;
    await until(() => pages(honest) > 60, 20_000);
    // Doubled each time, 60 intervals have room for six scrapes.
    expect(pages(hostile)).toBeLessThan(9);
    expect(outcomes).toContain("too_complex");
    expect(of(hostile)).toMatchObject({
      metrics: { kind: "missing" },
      lastFailure:
        "/metrics takes too long to read: configure the server to show fewer labels or series",
    });
    expect(of(hostile)?.scrapeBackOffMs).toBeGreaterThan(400);
    expect(of(honest)).toMatchObject({ metrics: { kind: "fresh" } });
    expect(of(honest)).not.toHaveProperty("scrapeBackOffMs");
  }, 30_000);
});
