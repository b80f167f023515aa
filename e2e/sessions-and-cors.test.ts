import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { routeScenario } from "./harness/resources.ts";

const backend = "backendRefs: [{name: balanced, port: 80}]";
const rules = [
  `{matches: [{headers: [{name: x-kind, value: cookie}]}], ${backend}, sessionPersistence: {sessionName: chat, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}}`,
  `{matches: [{headers: [{name: x-kind, value: header}]}], ${backend}, sessionPersistence: {sessionName: x-chat, type: Header}}`,
  `{${backend}, filters: [{type: CORS, cors: {allowOrigins: ["https://*.example.com"], allowMethods: [GET, POST], allowHeaders: ["*"], exposeHeaders: [x-request-id], allowCredentials: true, maxAge: 600}}]}`,
];
const service = (endpoints: string) => `---
apiVersion: v1
kind: Service
metadata: {name: balanced, annotations: {umbra.dev/picker: none, umbra.dev/endpoints: "${endpoints}"}}
spec: {ports: [{port: 80}]}
`;

let servers: readonly ModelServer[];
let gateway: Gateway;

beforeAll(async () => {
  servers = await startModelServers(4);
  gateway = await startGateway({
    resources: routeScenario({ rules, more: service(addresses(servers)) }),
  });
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  await stopModelServers(servers);
});

async function send(method: "GET" | "OPTIONS", headers: Record<string, string>) {
  const answer = await request(`${gateway.origin}/v1/models`, { method, headers });
  await answer.body.dump();
  return answer;
}

describe("a session", () => {
  test.each([
    { kind: "cookie", told: "set-cookie", sent: "cookie" },
    { kind: "header", told: "x-chat", sent: "x-chat" },
  ])("of a $kind stays with the endpoint that it was told", async ({ kind, told, sent }) => {
    const first = await send("GET", { "x-kind": kind });
    const named = String(first.headers[told]).split(";", 1)[0] ?? "";
    expect(named).not.toBe("undefined");
    for (let index = 0; index < 20; index++) {
      const { statusCode, headers } = await send("GET", { "x-kind": kind, [sent]: named });
      // Envoy names an endpoint again only where it took another one.
      expect([statusCode, String(headers[told] ?? named).split(";", 1)[0]]).toEqual([200, named]);
    }
  });

  test("of a permanent cookie lasts for the absolute timeout", async () => {
    const { headers } = await send("GET", { "x-kind": "cookie" });
    expect(headers["set-cookie"]).toMatch(/^chat=.*Max-Age=3600.*HttpOnly/);
  });

  test("is kept by those alone who name it: others are balanced", async () => {
    const named = new Set<string>();
    for (let index = 0; index < 40; index++) {
      named.add(String((await send("GET", { "x-kind": "header" })).headers["x-chat"]));
    }
    expect(named.size).toBeGreaterThan(1);
  });
});

describe("CORS", () => {
  const asked = { "access-control-request-method": "POST" };

  test("answers a preflight of an origin that may send requests", async () => {
    const { statusCode, headers } = await send("OPTIONS", {
      ...asked,
      origin: "https://chat.example.com",
      "access-control-request-headers": "authorization, x-chat",
    });
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      "access-control-allow-origin": "https://chat.example.com",
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "authorization, x-chat",
      "access-control-allow-credentials": "true",
      "access-control-max-age": "600",
    });
  });

  test("lets the origin read answers", async () => {
    const { headers } = await send("GET", { origin: "https://chat.example.com" });
    expect(headers).toMatchObject({
      "access-control-allow-origin": "https://chat.example.com",
      "access-control-expose-headers": "x-request-id",
    });
  });

  test.each([
    "https://example.com",
    "https://chat.example.com.evil.org",
    "http://chat.example.com",
  ])("tells %s nothing", async (origin) => {
    const preflight = await send("OPTIONS", { ...asked, origin });
    const answer = await send("GET", { origin });
    expect(preflight.headers).not.toHaveProperty("access-control-allow-origin");
    expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
  });
});
