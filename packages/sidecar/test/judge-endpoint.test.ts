import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, LookupFunction } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { judgeRequest } from "@umbra/shadow/judge-model";
import type { Dispatcher } from "undici";
import { completion } from "../../../testing/simulated-judge.ts";
import { callJudge } from "../src/judge-model/judge-call.ts";
import { createJudgeConnections } from "../src/judge-model/judge-connections.ts";
import { judgeAddress } from "../src/judge-model/model-judges.ts";

const request = judgeRequest({ conversation: "?", first: "a", second: "b" }, { model: "judge" });

const servers: Server[] = [];
const opened: Dispatcher[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.destroy()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server on loopback that counts the requests and connections that reach it. */
async function listening(answer: (response: ServerResponse) => void) {
  const seen = { requests: 0, connections: 0, port: 0 };
  const server = createServer((_, response) => {
    seen.requests++;
    answer(response);
  });
  server.on("connection", () => seen.connections++);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  seen.port = (server.address() as AddressInfo).port;
  return seen;
}

const agrees = (response: ServerResponse) => response.end(completion('{"verdict":"A"}'));

/** Resolves every name to one address after the other. */
function resolving(...ips: readonly string[]): LookupFunction {
  let count = 0;
  return (_, options, callback) => {
    const address = ips[Math.min(count++, ips.length - 1)] ?? "";
    const family = address.includes(":") ? 6 : 4;
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

interface Asking {
  readonly interfaces?: readonly string[];
  readonly isEndpoint?: (address: string) => boolean;
  readonly lookup?: LookupFunction;
  readonly apiKey?: string;
  readonly timeoutMs?: number;
}

function ask(
  endpoint: string,
  { interfaces = [], isEndpoint = () => false, lookup, apiKey, timeoutMs = 30_000 }: Asking = {},
) {
  const connections = createJudgeConnections({
    ...{ interfaces, isEndpoint },
    ...(lookup && { lookup }),
  });
  opened.push(connections);
  const ending = new AbortController().signal;
  return callJudge(request, { endpoint, apiKey }, { timeoutMs, ending, connections });
}

describe("a judge's address, when it is connected to", () => {
  test("may be this machine", async () => {
    const { port } = await listening(agrees);
    const call = await ask(`http://judge.test:${port}/`, { lookup: resolving("127.0.0.1") });
    expect(call).toMatchObject({ verdict: "A", why: undefined });
  });

  test.each([
    { ip: "169.254.169.254", reason: "link-local" },
    { ip: "100.100.100.200", reason: "metadata" },
    { ip: "fe80::1", reason: "link-local" },
    { ip: "fd00:ec2::254", reason: "metadata" },
    { ip: "::ffff:169.254.169.254", reason: "link-local" },
    { ip: "0.0.0.0", reason: "unspecified" },
    { ip: "::", reason: "unspecified" },
    { ip: "224.0.0.1", reason: "multicast" },
  ])("is refused if its name resolves to $ip", async ({ ip, reason }) => {
    const call = await ask("https://judge.test/", { lookup: resolving(ip) });
    expect(call).toMatchObject({ verdict: undefined, why: "other" });
    expect(call.refused).toContain(`judge.test resolves to ${ip}`);
    expect(call.refused).toContain(reason);
  });

  test.each(["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.9.10"])(
    "is refused if its name resolves to an interface of Envoy or the sidecar: %s",
    async (ip) => {
      const admin = await listening(agrees);
      const call = await ask(`http://judge.test:${admin.port}/quitquitquit`, {
        ...{ interfaces: [`127.0.0.1:${admin.port}`], lookup: resolving(ip) },
      });
      expect(call.refused).toContain("is an interface of Envoy or the sidecar");
      expect(admin.connections).toBe(0);
    },
  );

  test.each([
    "http://127.0.0.1:",
    "http://127.1:",
    "http://2130706433:",
    "http://[::ffff:7f00:1]:",
  ])("is refused as a literal, however it is written: %s", async (origin) => {
    const admin = await listening(agrees);
    const interfaces = [`0.0.0.0:${admin.port}`];
    const call = await ask(`${origin}${admin.port}/`, { interfaces });
    expect(call.refused).toContain("is an interface of Envoy or the sidecar");
    expect(admin.connections).toBe(0);
  });

  test("is refused if it is an endpoint of a pool, whatever its name", async () => {
    const lane = await listening(agrees);
    const call = await ask(`http://judge.test:${lane.port}/v1/chat/completions`, {
      lookup: resolving("127.0.0.1"),
      isEndpoint: (address) => address === `127.0.0.1:${lane.port}`,
    });
    expect(call.refused).toContain("is an endpoint of a pool, so it serves a lane");
    expect(lane.connections).toBe(0);
  });

  test("is refused if one of several addresses is", async () => {
    const lookup: LookupFunction = (_, __, callback) =>
      callback(null, [
        { address: "127.0.0.1", family: 4 },
        { address: "169.254.169.254", family: 4 },
      ]);
    const call = await ask("https://judge.test/", { lookup });
    expect(call.refused).toContain("169.254.169.254");
  });

  test("is checked again with each connection: a name that is rebound is refused", async () => {
    const judge = await listening((response) => {
      response.setHeader("connection", "close");
      agrees(response);
    });
    const lookup = resolving("127.0.0.1", "169.254.169.254");
    const connections = createJudgeConnections({
      ...{ interfaces: [], isEndpoint: () => false, lookup },
    });
    opened.push(connections);
    const options = { timeoutMs: 30_000, ending: new AbortController().signal, connections };
    const address = { endpoint: `http://judge.test:${judge.port}/`, apiKey: undefined };
    expect(await callJudge(request, address, options)).toMatchObject({ verdict: "A" });
    const again = await callJudge(request, address, options);
    expect(again.refused).toContain("169.254.169.254");
    expect(judge.requests).toBe(1);
  });

  test("needs TLS unless it is this machine, whatever the file of hosts says", async () => {
    const call = await ask("http://localhost:8000/", { lookup: resolving("10.0.0.1") });
    expect(call.refused).toBe("localhost resolves to 10.0.0.1: 10.0.0.1 needs https");
  });
});

describe("what a judge answers", () => {
  test.each([301, 302, 303, 307, 308])("is not followed elsewhere: %d", async (status) => {
    const other = await listening(agrees);
    const judge = await listening((response) =>
      response.writeHead(status, { location: `http://127.0.0.1:${other.port}/` }).end(),
    );
    expect(await ask(`http://127.0.0.1:${judge.port}/`)).toMatchObject({ why: "http" });
    expect([judge.requests, other.requests]).toEqual([1, 0]);
  });

  test.each<{ name: string; answer: (response: ServerResponse) => void; why: string }>([
    { name: "status 201", answer: (each) => void each.writeHead(201).end("{}"), why: "http" },
    {
      name: "an error page without an end",
      answer: (each) => each.writeHead(500).write("x".repeat(100_000)),
      why: "http",
    },
    {
      name: "a body over its length limit without an end",
      answer: (each) => each.writeHead(200).write("x".repeat(100_000)),
      why: "unparsable",
    },
    {
      name: "headers over their length limit",
      answer: (each) => each.writeHead(200, { filler: "x".repeat(20_000) }).end("{}"),
      why: "http",
    },
    {
      name: "a compressed body that was not asked for",
      answer: (each) => each.writeHead(200, { "content-encoding": "gzip" }).end("\x1f\x8b"),
      why: "unparsable",
    },
    { name: "a broken connection", answer: (each) => void each.destroy(), why: "http" },
  ])("gives no verdict: $name", async ({ answer, why }) => {
    const judge = await listening(answer);
    const call = await ask(`http://127.0.0.1:${judge.port}/`);
    expect(call).toMatchObject({ verdict: undefined, why });
    expect(judge.requests).toBe(1);
  });

  test.each<{ name: string; answer: (response: ServerResponse) => void }>([
    { name: "nothing", answer: () => undefined },
    { name: "headers alone", answer: (each) => each.writeHead(200).flushHeaders() },
    {
      name: "patience that is asked for",
      answer: (each) => void each.writeHead(429, { "retry-after": "9" }).end(),
    },
  ])("ends at the timeout: $name", async ({ answer }) => {
    const judge = await listening(answer);
    const call = await ask(`http://127.0.0.1:${judge.port}/`, { timeoutMs: 50 });
    expect(call).toMatchObject({ verdict: undefined, why: "timeout" });
  });
});

test("no proxy of the environment gets the texts", async () => {
  const [judge, proxy] = [await listening(agrees), await listening(agrees)];
  const names = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "NODE_USE_ENV_PROXY"] as const;
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;
  try {
    const url = `http://judge.test:${judge.port}/`;
    expect(await ask(url, { lookup: resolving("127.0.0.1") })).toMatchObject({ verdict: "A" });
  } finally {
    for (const [i, name] of names.entries()) {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    }
  }
  expect([judge.requests, proxy.connections]).toEqual([1, 0]);
});

test.each([
  { name: "a second header", key: "sk-a\r\nx-evil: 1" },
  { name: "a blank", key: "sk-a sk-b" },
  { name: "a character that no header carries", key: "sk-\u0000" },
  { name: "nothing", key: "\n" },
  { name: "too much", key: "k".repeat(8_193) },
])("a key with $name is not sent, and is in no message", async ({ key }) => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-judge-keys-"));
  mkdirSync(join(folder, "default", "judge"), { recursive: true });
  const file = join(folder, "default", "judge", "token");
  writeFileSync(file, key);
  chmodSync(file, 0o600);
  const around = {
    admin: { host: "127.0.0.1", port: 19_090 },
    probes: { host: "0.0.0.0", port: 19_091 },
    ...{ envoyAdmin: "127.0.0.1:19901", grpc: "unix:/run/umbra/pick.sock", judgeKeys: folder },
  };
  const apiKey = { namespace: "default", secret: "judge", entry: "token" };
  const asked = judgeAddress({ endpoint: "https://judge.test/", apiKey }, around);
  const reason = await asked.then(
    () => "it is sent",
    (cause: Error) => cause.message,
  );
  expect(reason).toMatch(/must contain one key|is larger than/);
  expect(reason).not.toContain("sk-");
  rmSync(folder, { recursive: true });
});
