import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { publint } from "publint";
import { run } from "./harness/installed-packages.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { type Running, startProcess } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Where a stranger has installed the packages as npm packs them, and nothing else of ours. */
const home = mkdtempSync(join(tmpdir(), "umbra-library-"));
const tarballs = new Map<string, ArrayBuffer>();
const packages = ["scheduler", "openai"] as const;
const installedAt = (name: string) => join(home, "node_modules", "@umbra", name);
const installed = installedAt("scheduler");
/** What the packages and the examples depend on, and where it is in the repository. */
const dependencies = {
  hono: "node_modules/hono",
  "@hono/node-server": "node_modules/@hono/node-server",
  fflate: "packages/openai/node_modules/fflate",
};

function checkTypes(args: readonly string[]): void {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const strict = ["--noEmit", "--strict", "--skipDefaultLibCheck", "--module", "nodenext"];
  run(process.execPath, [tsc, ...strict, "--target", "es2023", ...args], home);
}

beforeAll(() => {
  for (const name of packages) {
    const pack = ["pack", "--silent", "--pack-destination", home];
    const packed = run("npm", pack, join(root, "packages", name)).trim();
    tarballs.set(name, new Uint8Array(readFileSync(join(home, packed))).buffer);
    const target = installedAt(name);
    mkdirSync(target, { recursive: true });
    run("tar", ["-xzf", join(home, packed), "-C", target, "--strip-components=1"], home);
  }
  for (const [name, target] of Object.entries(dependencies)) {
    const link = join(home, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, target), link);
  }
  cpSync(join(root, "examples"), join(home, "examples"), { recursive: true });
}, 60_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

const entries = ["", "/metrics", "/scrape", "/flow", "/config", "/track"] as const;

describe("the packed libraries", () => {
  test.each(packages)(
    "%s is packed as its package.json promises",
    async (name) => {
      const tarball = tarballs.get(name) ?? new ArrayBuffer();
      const { messages } = await publint({ pack: { tarball }, strict: true });
      expect(messages.filter(({ type }) => type !== "suggestion")).toEqual([]);
    },
    30_000,
  );

  test("each entry of the scheduler loads with import and with require, the same names", () => {
    const names = (load: string, type: string) => {
      const code = `const names = {};
for (const entry of ${JSON.stringify(entries)})
  names[entry] = Object.keys(${load}("@umbra/scheduler" + entry)).filter((each) => each !== "default" && each !== "module.exports").sort();
console.log(JSON.stringify(names));`;
      const said = run(process.execPath, [`--input-type=${type}`, "-e", code], home);
      return JSON.parse(said) as Readonly<Record<string, readonly string[]>>;
    };
    const esm = names("await import", "module");
    expect(names("require", "commonjs")).toEqual(esm);
    expect(Object.keys(esm)).toEqual(entries);
    expect(Object.values(esm).filter((each) => each.length === 0)).toEqual([]);
  });

  test("has types for both, under strict settings, and the code of its README runs", () => {
    const imports = entries
      .map(
        (entry, i) =>
          `import * as m${i} from "@umbra/scheduler${entry}";\nexport const v${i}: object = m${i};`,
      )
      .join("\n");
    const use = `import { createPool, defineScorer, type Scorer } from "@umbra/scheduler";
export const mine: Scorer = defineScorer({ name: "mine", rate: (request, endpoint) => request.model.length / (1 + endpoint.inFlight) });
export const picked = createPool({ name: "p" }).pick({ model: "m" });
if (picked.ok) picked.lease.done({ outputTokens: 3 });
// @ts-expect-error a refusal has no endpoint
else picked.endpoint.length;
`;
    for (const file of ["types.mts", "types.cts"])
      writeFileSync(join(home, file), `${imports}\n${use}`);
    const readme = readFileSync(join(root, "packages/scheduler/README.md"), "utf8");
    const [start = "", own = ""] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(
      ([, code]) => code as string,
    );
    const ask = `
const refused = pool.pick({ model: "llama", attributes: { region: "mars" } });
console.log(refused.ok ? refused.endpoint : refused.code);
`;
    writeFileSync(join(home, "start.mts"), `${start}\nscraping.stop();\n`);
    writeFileSync(join(home, "own.mts"), own + ask);
    const files = ["types.mts", "types.cts", "start.mts", "own.mts"];
    checkTypes(["--lib", "es2023,webworker,webworker.iterable", ...files]);
    const node = (file: string) =>
      run(process.execPath, ["--disable-warning=ExperimentalWarning", file], home);
    expect(node("start.mts")).toBe("");
    expect(node("own.mts")).toBe("10.0.0.3:8000\nNO_ELIGIBLE_ENDPOINT\n");
  }, 60_000);

  test("the code of openai's README has right types, runs and says what it promises", () => {
    const readme = readFileSync(join(root, "packages/openai/README.md"), "utf8");
    const code = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
    writeFileSync(join(home, "openai.mts"), code);
    const typeRoots = join(root, "node_modules/@types");
    checkTypes(["--typeRoots", typeRoots, "--types", "node", "openai.mts"]);
    const said = run(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "openai.mts"],
      home,
    );
    expect(said.trim().split("\n")).toEqual([
      "llama true",
      '"Hi',
      '{"model":"llama-8b","stream":true,"prompt":"Hi"}',
      "1",
    ]);
  });

  test("the scheduler needs nothing of Node", () => {
    const files = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" });
    const code = files.filter((name) => name.endsWith(".js"));
    expect(code.length).toBeGreaterThan(50);
    const ofNode = /["']node:|\brequire\(|\bprocess\.\w|\bBuffer\b/;
    const found = code.filter((name) =>
      ofNode.test(readFileSync(join(installed, "dist", name), "utf8")),
    );
    expect(found).toEqual([]);
  });
});

describe("the examples", () => {
  let servers: ModelServer[] = [];
  let running: Running | undefined;

  beforeAll(async () => {
    servers = await startModelServers(3);
  });
  afterAll(() => stopModelServers(servers));

  async function start(example: string, endpoints: string): Promise<string> {
    running = startProcess(
      "env",
      `ENDPOINTS=${endpoints}`,
      "PORT=0",
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      join(home, "examples", example),
    );
    const origin = () => /http:\/\/\S+/.exec(running?.output() ?? "")?.[0];
    await until(`${example} listens: ${running.output()}`, () => origin() !== undefined);
    return origin() ?? "";
  }

  const ask = (
    origin: string,
    headers: Record<string, string> = {},
    isStream = false,
    signal: AbortSignal | null = null,
  ) =>
    fetch(`${origin}/v1/chat/completions`, {
      method: "POST",
      signal,
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({
        model: "/model/llama2",
        max_tokens: 3,
        stream: isStream,
        messages: [{ role: "user", content: "hi" }],
      }),
    });
  const served = () => servers.map(({ server }) => server.state().requestsServed);
  /** What a POST of no JSON is answered, as a client of OpenAI's and one of Anthropic's API reads it. */
  const refused = async (origin: string) => {
    const paths = ["/v1/chat/completions", "/v1/messages"];
    const answers = paths.map((path) => fetch(`${origin}${path}`, { method: "POST", body: "{" }));
    return Promise.all(
      (await Promise.all(answers)).map(async (answer) => [answer.status, await answer.json()]),
    );
  };
  const message = "the request body is not valid JSON in UTF-8 (at byte 1)";
  const type = "invalid_request_error";
  const bothRefusals = [
    [400, { error: { message, type, param: null, code: "invalid_json" } }],
    [400, { type: "error", error: { type, message } }],
  ];

  test("the Node proxy spreads requests, streams, and continues where an endpoint is gone", async () => {
    const origin = await start("node-proxy/server.ts", `127.0.0.1:1,${addresses(servers)}`);
    try {
      const before = served();
      const answers = await Promise.all(Array.from({ length: 30 }, () => ask(origin)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      await Promise.all(answers.map((answer) => answer.text()));
      expect(served().every((count, i) => count > (before[i] ?? 0))).toBe(true);
      const stream = await (await ask(origin, {}, true)).text();
      expect(stream).toMatch(/data: \[DONE\]\s*$/);
      expect(await refused(origin)).toEqual(bothRefusals);
      expect((await fetch(`${origin}/v1/models`)).status).toBe(200);
    } finally {
      await running?.stop();
    }
  });

  test("the Node proxy sends requests for an adapter to servers that list it", async () => {
    const plain = await startModelServers(2, { enableLora: false, loraModules: [] });
    const holder = servers[0]?.address ?? "";
    const origin = await start("node-proxy/server.ts", `${addresses(plain)},${holder}`);
    const askAdapter = async () => {
      const body = JSON.stringify({ model: "sql-lora", max_tokens: 1, prompt: "hi" });
      return (await fetch(`${origin}/v1/completions`, { method: "POST", body })).status;
    };
    try {
      let inTurn = 0;
      await until("the proxy has learnt of the adapter", async () => {
        inTurn = (await askAdapter()) === 200 ? inTurn + 1 : 0;
        return inTurn === 5;
      });
      const statuses = await Promise.all(Array.from({ length: 20 }, askAdapter));
      expect(statuses).toEqual(statuses.map(() => 200));
    } finally {
      await running?.stop();
      await stopModelServers(plain);
    }
  });

  test("the Node proxy tries no other endpoint for a client that has gone", async () => {
    const asked: string[] = [];
    const silent = await Promise.all(
      ["a", "b"].map(async (name) => {
        const server = createServer(({ url }) => {
          if (url === "/v1/chat/completions") asked.push(name);
        });
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        return server;
      }),
    );
    const ports = silent.map((server) => (server.address() as AddressInfo).port);
    const origin = await start(
      "node-proxy/server.ts",
      ports.map((port) => `127.0.0.1:${port}`).join(","),
    );
    try {
      const gone = new AbortController();
      const asking = ask(origin, {}, false, gone.signal);
      await until("an endpoint is asked", () => asked.length > 0);
      gone.abort();
      await expect(asking).rejects.toThrow();
      const next = new AbortController();
      const another = ask(origin, {}, false, next.signal);
      await until("the next request has come", () => asked.length > 1);
      expect(asked.length).toBe(2);
      next.abort();
      await expect(another).rejects.toThrow();
    } finally {
      await running?.stop();
      for (const server of silent) server.closeAllConnections();
      for (const server of silent) server.close();
    }
  });

  test("the Hono gateway keeps regions, queues fairly and streams", async () => {
    const [first, second] = servers;
    const origin = await start(
      "hono-gateway/server.ts",
      `${first?.address}=eu,${second?.address}=us`,
    );
    try {
      const before = served();
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          ask(origin, { "x-region": "eu", "x-tenant": `t${i % 3}` }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      await Promise.all(answers.map((answer) => answer.text()));
      const after = served();
      expect([after[0], after[1]]).toEqual([(before[0] ?? 0) + 20, before[1]]);
      expect(await (await ask(origin, {}, true)).text()).toMatch(/data: \[DONE\]\s*$/);
      expect((await ask(origin, { "x-region": "mars" })).status).toBe(503);
      const models = await fetch(`${origin}/v1/models`);
      expect([models.status, await models.json()]).toMatchObject([200, { object: "list" }]);
      expect(await refused(origin)).toEqual(bothRefusals);
    } finally {
      await running?.stop();
    }
  });

  test.each([
    ["the handler's argument, as on Workers", "{ ENDPOINTS: process.env.ENDPOINTS }"],
    ["the environment, as on Deno and Bun", "{}"],
  ])("the fetch handler picks without metrics, with endpoints from %s", async (_from, env) => {
    const code = `import worker from "./examples/workers-gateway/worker.ts";
import { createServer } from "node:http";
const env = ${env};
const statuses = [];
for (let i = 0; i < 30; i++) {
  const request = new Request("http://gateway/v1/chat/completions", { method: "POST", body: JSON.stringify({ model: "/model/llama2", max_tokens: 2, messages: [{ role: "user", content: "hello " + i }] }) });
  const answer = await worker.fetch(request, env);
  statuses.push(answer.status);
  await answer.text();
}
const none = new Request("http://gateway/v1/messages", { method: "POST", body: "{" });
const refused = await (await worker.fetch(none, env)).json();
console.log(JSON.stringify([statuses, refused]));`;
    const before = served();
    const child = startProcess(
      "env",
      `ENDPOINTS=${addresses(servers)}`,
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      "--input-type=module",
      "-e",
      code.replaceAll("./examples", `${home}/examples`),
    );
    await once(child.process, "exit");
    const [statuses, refusal] = JSON.parse(child.output()) as [number[], unknown];
    expect(statuses).toEqual(Array.from({ length: 30 }, () => 200));
    expect(refusal).toEqual({ type: "error", error: { type, message } });
    expect(served().reduce((sum, count, i) => sum + count - (before[i] ?? 0), 0)).toBe(30);
    expect(served().filter((count, i) => count > (before[i] ?? 0)).length).toBeGreaterThan(1);
  });
});
