import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Io, main } from "@umbra/cli";
import { request } from "undici";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { freePorts } from "./harness/ports.ts";
import { mirrorTo, poolRef, routeScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const fileOf = (name: string) =>
  fileURLToPath(new URL(`../envoy/https/tls/default/chat/${name}`, import.meta.url));
const certificateFile = fileOf("tls.crt");
/** For chat.example.com, signed by itself. */
const certificate = {
  cert: readFileSync(certificateFile, "utf8"),
  key: readFileSync(fileOf("tls.key"), "utf8"),
};

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

/** How a pool's endpoints are verified. */
const policy = (name: string, hostname: string, authorities: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}]
  validation: {hostname: ${hostname}, ${authorities}}
`;

const service = (name: string, endpoint: string, appProtocol: string) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoint}"}}
spec: {ports: [{port: 443, appProtocol: ${appProtocol}}]}
`;

const to = (path: string, backend: string, filters = "") =>
  `{matches: [{path: {type: PathPrefix, value: ${path}}}], filters: [${filters}], backendRefs: [${backend}]}`;

const authority = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: authority}
data:
  ca.crt: |
${certificate.cert.replaceAll(/^/gm, "    ")}
`;

function resources(primary: string, shadow: string): string {
  const ours = 'caCertificateRefs: [{group: "", kind: ConfigMap, name: authority}]';
  return routeScenario({
    rules: [
      to("/verified", poolRef("verified"), mirrorTo("shadow")),
      to("/wrong-name", poolRef("wrong-name")),
      ...["unverified", "http2", "plain"].map((name) =>
        to(`/${name}`, `{name: ${name}, port: 443}`),
      ),
    ],
    pools: { verified: primary, shadow, "wrong-name": primary },
    more: [
      policy("verified", "chat.example.com", ours),
      policy("shadow", "chat.example.com", ours),
      policy("wrong-name", "other.example.com", ours),
      service("unverified", primary, "https"),
      service("http2", primary, "h2"),
      service("plain", primary, "http"),
      authority,
    ].join(""),
  });
}

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

test("umbra up has Envoy and the sidecar trust the file that its own SSL_CERT_FILE names", async () => {
  const server = await startTlsServer();
  const file = join(mkdtempSync(join(tmpdir(), "umbra-system-")), "resources.yaml");
  const rules = [`{backendRefs: [${poolRef("system")}]}`];
  const more = policy("system", "chat.example.com", "wellKnownCACertificates: System");
  writeFileSync(file, routeScenario({ rules, pools: { system: server.address }, more }));
  const [http, ...ports] = await freePorts(4);
  const own = ["--grpc", "--admin", "--envoy-admin"].flatMap((flag, index) => [
    ...[flag, `127.0.0.1:${ports[index]}`],
  ]);
  const ending = new AbortController();
  let output = "";
  const io: Io = {
    stdout: () => {},
    stderr: (text) => {
      output += text;
    },
    // Of `umbra up` alone: its children inherit the environment of this process.
    env: { SSL_CERT_FILE: certificateFile, ENVOY_BIN: process.env.ENVOY_BIN },
    isTerminal: false,
    hasColour: false,
    signal: ending.signal,
    readStdin: () => "",
    streamStdin: () => Readable.from([]),
  };
  const flags = ["-f", file, "--bind", "127.0.0.1", "--listener", `http=${http}`, ...own];
  const ended = main(["node", "umbra", "up", ...flags], io);
  try {
    await until("umbra up is ready", () => output.includes("umbra: ready"), 50_000);
    await until("the sidecar has scraped", () => seenAt("/metrics", server).length > 0);
    const { status } = await post(`http://127.0.0.1:${http}`, chat());
    expect(status).toBe(200);
  } finally {
    ending.abort();
    await ended;
    server.server.close();
  }
}, 90_000);
