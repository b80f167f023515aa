import { get, type IncomingMessage } from "node:http";
import { hostname } from "node:os";
import { afterEach, describe, expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import pino from "pino";

const token = "a-token-of-this-test";
let sidecar: Sidecar | undefined;

async function start(adminToken?: string): Promise<string> {
  sidecar = await startSidecar({
    topology: directTopology({ primary: ["127.0.0.1:9"], shadow: ["127.0.0.1:9"], port: 80 }),
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
    ...(adminToken === undefined ? {} : { adminToken }),
  });
  return `http://${sidecar.adminAddress}`;
}

afterEach(async () => {
  await sidecar?.close(0);
  sidecar = undefined;
});

/** Requests of a browser that another site's name directed here. */
function ask(origin: string, path: string, host: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${origin}${path}`, { headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer);
    }).on("error", reject);
  });
}

test.each(["/v1/pools", "/v1/pairs", "/v1/report", "/metrics", "/", "/v1/events", "/healthz"])(
  "%s on loopback rejects requests with another site's name (DNS rebinding)",
  async (path) => {
    const origin = await start();
    for (const host of ["evil.example", "127.0.0.1.evil.example:9090"]) {
      expect((await ask(origin, path, host)).statusCode).toBe(403);
    }
    if (path === "/v1/events") return;
    // A mesh proxy on this machine uses the Pod's address; a name of this machine may resolve to loopback.
    for (const host of ["localhost:9090", "127.0.0.1", "[::1]:80", "10.1.2.3:9090", hostname()]) {
      const { statusCode, headers } = await ask(origin, path, host);
      expect([200, 503]).toContain(statusCode);
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    }
  },
);

describe("calls that change mirroring", () => {
  const call = (origin: string, path: string, headers: Record<string, string> = {}, body = "") =>
    fetch(`${origin}/v1/shadow/${path}`, { method: "POST", headers, body });

  test("are allowed from loopback without a token", async () => {
    const origin = await start();
    const answer = await call(origin, "percent", {}, '{"percent":12.5}');
    expect(await answer.json()).toMatchObject({ mirrors: [{ percent: 12.5, paused: false }] });
  });

  test("need the token if one is configured", async () => {
    const origin = await start(token);
    expect((await call(origin, "pause")).status).toBe(401);
    expect((await call(origin, "pause", { authorization: "Bearer wrong" })).status).toBe(401);
    const answer = await call(origin, "pause", { authorization: `Bearer ${token}` });
    expect(await answer.json()).toMatchObject({ mirrors: [{ pausedBy: "paused" }] });
  });

  test.each([
    { path: "percent", body: '{"percent":101}', status: 400 },
    { path: "percent", body: "{", status: 400 },
    { path: "pause", body: '{"candidate":"nobody"}', status: 404 },
    { path: "pause", body: "x".repeat(5_000), status: 413 },
    { path: "explode", body: "", status: 404 },
  ])("$path with $status", async ({ path, body, status }) => {
    const origin = await start();
    expect((await call(origin, path, {}, body)).status).toBe(status);
  });

  test("stop is permanent", async () => {
    const origin = await start();
    expect((await call(origin, "stop")).status).toBe(200);
    expect((await call(origin, "resume")).status).toBe(409);
  });

  test("a page of another origin is rejected", async () => {
    const origin = await start();
    expect((await call(origin, "pause", { origin: "http://evil.example" })).status).toBe(403);
  });
});

test("every answer has its type and forbids sniffing", async () => {
  const origin = await start();
  const typeOf = async (path: string) => {
    const { headers, body } = await fetch(`${origin}${path}`);
    await body?.cancel();
    return [path, headers.get("content-type"), headers.get("x-content-type-options")];
  };
  const paths = ["/", "/live.js", "/v1/pools", "/v1/mirrors", "/v1/events", "/nowhere"];
  expect(await Promise.all(paths.map(typeOf))).toEqual([
    ["/", "text/html; charset=utf-8", "nosniff"],
    ["/live.js", "text/javascript; charset=utf-8", "nosniff"],
    ["/v1/pools", "application/json", "nosniff"],
    ["/v1/mirrors", "application/json", "nosniff"],
    ["/v1/events", "text/event-stream", "nosniff"],
    ["/nowhere", "application/json", "nosniff"],
  ]);
});

test("the page may load only its own script and can't be framed", async () => {
  const { headers } = await fetch(`${await start()}/`);
  const policy = headers.get("content-security-policy")?.split("; ");
  expect(policy).toEqual(
    expect.arrayContaining([
      ...["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"],
    ]),
  );
});

test("a report names its candidate before the first request", async () => {
  const origin = await start();
  const events = await fetch(`${origin}/v1/events`);
  let text = "";
  for await (const chunk of events.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes("collecting")) break;
  }
  expect(text).toContain("data: … collecting · default/shadow · Umbra\n");
});

test("a HEAD request for the events ends immediately", async () => {
  const head = await fetch(`${await start()}/v1/events`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("reading reports and events needs no token", async () => {
  const origin = await start();
  expect(await (await fetch(`${origin}/v1/report`)).json()).toMatchObject({
    reports: [{ schema: "shadow-report/2", verdict: { status: "INCONCLUSIVE" } }],
  });
  const events = await fetch(`${origin}/v1/events`);
  const reader = events.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(Buffer.from(value ?? []).toString()).toMatch(/^event: section\ndata: title\ndata: /);
  await reader?.cancel();
});
