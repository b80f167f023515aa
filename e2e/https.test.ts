import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { get as getHttps } from "node:https";
import { connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";

const secret = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../envoy/https/tls/${path}`, import.meta.url)), "utf8");
const indented = (text: string) => text.replaceAll(/^/gm, "    ");
const certificates = {
  chat: { crt: secret("default/chat/tls.crt"), key: secret("default/chat/tls.key") },
  wildcard: {
    crt: secret("certificates/wildcard/tls.crt"),
    key: secret("certificates/wildcard/tls.key"),
  },
};

const resources = (endpoint: string, port: number) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  listeners:
    - {name: http, port: 8080, protocol: HTTP}
    - {name: chat, port: ${port}, protocol: HTTPS, hostname: chat.example.com, tls: {certificateRefs: [{name: chat}]}}
    - {name: others, port: ${port}, protocol: HTTPS, tls: {certificateRefs: [{name: chat}, {name: wildcard}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: to-https}
spec:
  parentRefs: [{name: gateway, sectionName: http}]
  rules:
    - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, port: ${port}, statusCode: 301}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway, port: ${port}}]
  rules:
    - backendRefs: [{name: models, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /old}}]
      filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /v1}}}]
---
apiVersion: v1
kind: Service
metadata: {name: models, annotations: {umbra.dev/endpoints: "${endpoint}"}}
spec: {ports: [{port: 80}]}
${Object.entries(certificates)
  .map(
    ([name, { crt, key }]) => `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
${indented(crt)}
  tls.key: |
${indented(key)}
`,
  )
  .join("")}`;

let servers: readonly ModelServer[];
let gateway: Gateway;
let port: number;

beforeAll(async () => {
  servers = await startModelServers(1);
  [port = 0] = await freePorts(1);
  gateway = await startGateway({
    resources: resources(addresses(servers), port),
    renderFlags: ["--inline-certificates"],
  });
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  await stopModelServers(servers);
});

/** The names in the certificate that a client is shown who asks for `servername`, and the protocol agreed on. */
async function handshake(servername: string) {
  const { crt } = servername === "chat.example.com" ? certificates.chat : certificates.wildcard;
  const socket = connect({
    host: "127.0.0.1",
    port,
    servername,
    ca: crt,
    ALPNProtocols: ["h2", "http/1.1"],
  });
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  const { subjectaltname } = socket.getPeerCertificate();
  const found = { subjectaltname, alpn: socket.alpnProtocol, version: socket.getProtocol() };
  socket.destroy();
  return found;
}

describe("an HTTPS listener", () => {
  test.each([
    ["chat.example.com", "DNS:chat.example.com"],
    ["code.example.com", "DNS:*.example.com"],
  ])("shows who asks for %s the certificate of %s", async (servername, subjectaltname) => {
    expect(await handshake(servername)).toMatchObject({ subjectaltname, alpn: "h2" });
  });

  test("serves requests, and redirects to itself", async () => {
    const models = await get("/v1/models", "chat.example.com");
    expect(models.status).toBe(200);
    const old = await get("/old/page?a=1", "chat.example.com");
    expect(old).toMatchObject({
      status: 302,
      location: `https://chat.example.com:${port}/v1?a=1`,
    });
  });

  test("says 421 where a connection that was made for it is used for another listener's hostname", async () => {
    const { status, text } = await get("/v1/models", "code.example.com");
    expect(status).toBe(421);
    expect(JSON.parse(text)).toMatchObject({ error: { code: "misdirected_request" } });
  });

  test("gets the requests of a listener that redirects to it", async () => {
    const answer = await request(`${gateway.origin}/v1/models?a=1`, {
      headers: { host: "chat.example.com:8080" },
    });
    await answer.body.dump();
    expect(answer.statusCode).toBe(301);
    expect(answer.headers.location).toBe(`https://chat.example.com:${port}/v1/models?a=1`);
  });
});

/** Over a connection that is made for chat.example.com, whatever host the request names. */
async function get(path: string, host: string) {
  const sent = getHttps({
    ...{ host: "127.0.0.1", port, path, headers: { host }, agent: false },
    ...{ servername: "chat.example.com", ca: certificates.chat.crt },
  });
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const text = Buffer.concat(await answer.toArray()).toString();
  return { status: answer.statusCode, location: answer.headers.location, text };
}

test("a TLS client that begins a handshake and goes silent is closed", async () => {
  // The first flight of a real client, without what would follow.
  const hello = await new Promise<Buffer>((resolve) => {
    const sink = new Duplex({ read() {}, write: (chunk: Buffer) => resolve(chunk) });
    connect({ socket: sink, servername: "chat.example.com" }).on("error", () => {});
  });
  const socket = connectTcp(port, "127.0.0.1");
  const startedMs = performance.now();
  socket.write(hello);
  await once(socket.resume(), "close");
  expect(performance.now() - startedMs).toBeGreaterThan(14_000);
  expect(performance.now() - startedMs).toBeLessThan(30_000);
}, 45_000);
