import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { until } from "./harness/until.ts";

const pem = (file: string) =>
  readFileSync(
    fileURLToPath(new URL(`../envoy/https/tls/default/chat/${file}`, import.meta.url)),
    "utf8",
  );
/** For chat.example.com, signed by itself. */
const certificate = { cert: pem("tls.crt"), key: pem("tls.key") };

interface Seen {
  readonly path: string;
  readonly httpVersion: string;
  readonly servername: string | false;
}

interface TlsServer {
  readonly address: string;
  readonly seen: Seen[];
  readonly server: Http2SecureServer;
}

/** A model server that speaks TLS alone, HTTP/1.1 and HTTP/2. */
async function startTlsServer(): Promise<TlsServer> {
  const seen: Seen[] = [];
  const server = createSecureServer({ ...certificate, allowHTTP1: true }, (incoming, outgoing) => {
    const socket = (incoming.stream?.session?.socket ?? incoming.socket) as TLSSocket;
    seen.push({
      path: incoming.url,
      httpVersion: incoming.httpVersion,
      servername: socket.servername ?? false,
    });
    incoming.resume();
    outgoing.writeHead(200, { "content-type": "application/json" });
    outgoing.end('{"object":"text_completion","choices":[]}');
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen, server };
}

const pool = (name: string, endpoint: string, hostname: string) => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoint}"}}
spec:
  selector: {matchLabels: {app: ${name}}}
  targetPorts: [{number: 8443}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}]
  validation: {hostname: ${hostname}, caCertificateRefs: [{group: "", kind: ConfigMap, name: authority}]}
`;

const service = (name: string, endpoint: string, appProtocol: string) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoint}"}}
spec: {ports: [{port: 443, appProtocol: ${appProtocol}}]}
`;

const to = (path: string, backend: string, more = "") =>
  `    - matches: [{path: {type: PathPrefix, value: ${path}}}]
      backendRefs: [${backend}]
${more}`;

const poolRef = (name: string) =>
  `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}`;

const resources = (primary: string, shadow: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
${to("/verified", poolRef("verified"), `      filters: [{type: RequestMirror, requestMirror: {backendRef: ${poolRef("shadow")}}}]\n`)}${to("/wrong-name", poolRef("wrong-name"))}${to("/unverified", "{name: unverified, port: 443}")}${to("/http2", "{name: http2, port: 443}")}${to("/plain", "{name: plain, port: 443}")}${pool("verified", primary, "chat.example.com")}${pool("shadow", shadow, "chat.example.com")}${pool("wrong-name", primary, "other.example.com")}${service("unverified", primary, "https")}${service("http2", primary, "h2")}${service("plain", primary, "http")}---
apiVersion: v1
kind: ConfigMap
metadata: {name: authority}
data:
  ca.crt: |
${certificate.cert.replaceAll(/^/gm, "    ")}
`;

let primary: TlsServer;
let shadow: TlsServer;
let gateway: Gateway;

beforeAll(async () => {
  [primary, shadow] = await Promise.all([startTlsServer(), startTlsServer()]);
  gateway = await startGateway({ resources: resources(primary.address, shadow.address) });
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  for (const { server } of [primary, shadow]) server.close();
});

async function complete(path: string) {
  const { statusCode, body } = await request(`${gateway.origin}${path}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", prompt: "hello" }),
  });
  await body.dump();
  return statusCode;
}

const seenAt = (path: string, { seen }: TlsServer) =>
  seen.filter((each) => each.path.startsWith(path));

describe("endpoints over TLS", () => {
  test("are asked by the name of the BackendTLSPolicy, and verified", async () => {
    expect(await complete("/verified")).toBe(200);
    expect(seenAt("/verified", primary)).toMatchObject([
      { servername: "chat.example.com", httpVersion: "1.1" },
    ]);
  });

  test("get mirrored requests over TLS too", async () => {
    await complete("/verified");
    await until("a copy at the shadow", () => seenAt("/verified", shadow).length > 0);
    expect(seenAt("/verified", shadow)[0]).toMatchObject({ servername: "chat.example.com" });
  });

  test("whose certificate is for another name get nothing", async () => {
    expect(await complete("/wrong-name")).toBe(503);
    expect(seenAt("/wrong-name", primary)).toEqual([]);
    expect(
      await gateway.stat(/^cluster\.primary\/default\/wrong-name\.ssl\.fail_verify_san$/),
    ).not.toBe(0);
  });

  test("are asked without verification where appProtocol alone asks for TLS", async () => {
    expect(await complete("/unverified")).toBe(200);
    expect(seenAt("/unverified", primary)).toMatchObject([{ httpVersion: "1.1" }]);
  });

  test("are asked over HTTP/2 where appProtocol says h2", async () => {
    expect(await complete("/http2")).toBe(200);
    expect(seenAt("/http2", primary)).toMatchObject([{ httpVersion: "2.0" }]);
  });

  test("are not reached in plain HTTP", async () => {
    expect(await complete("/plain")).not.toBe(200);
    expect(seenAt("/plain", primary)).toEqual([]);
  });
});
