import { lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { statusCode } from "@umbra/grpc";
import { startSidecar } from "@umbra/sidecar";
import { createAdsServer, emptySnapshot } from "@umbra/xds";
import pino from "pino";
import { type AdsListener, openAdsListener } from "../src/configuration/ads-listener.ts";
import { selfSigned } from "../src/tls/self-signed.ts";

const log = pino({ level: "silent" });
const methods = [
  "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
  "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
  "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
];
let folder = "";
let listener: AdsListener | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "umbra-ads-listener-"));
});

afterEach(async () => {
  await listener?.close();
  listener = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function headersOf(path: string) {
  return {
    ...{ ":method": "POST", ":path": path },
    ...{ "content-type": "application/grpc", te: "trailers" },
  };
}

/** gRPC status of a call without messages. */
function statusOf(session: ClientHttp2Session, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headersOf(path));
    session.on("error", reject);
    stream.on("error", reject);
    stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined) resolve(Number(headers["grpc-status"]));
    });
    stream.on("trailers", (headers) => resolve(Number(headers["grpc-status"])));
    stream.resume();
    stream.end();
  });
}

async function files() {
  const { cert, key } = await selfSigned();
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  return { cert, key, certFile: write("tls.crt", cert), keyFile: write("tls.key", key) };
}

test("31: only the owner may open the Unix socket", async () => {
  const socket = join(folder, "ads.sock");
  listener = await openAdsListener({ address: `unix:${socket}` }, createAdsServer(), log);
  expect(lstatSync(socket).mode & 0o777).toBe(0o600);
});

test("31: a network address without TLS, or without client certificates, is refused", async () => {
  const { certFile, keyFile } = await files();
  const cases = [
    undefined,
    { kind: "self-signed" } as const,
    { kind: "files", certFile, keyFile } as const,
  ];
  for (const tls of cases) {
    const at = { address: "127.0.0.1:0", ...(tls === undefined ? {} : { tls }) };
    await expect(openAdsListener(at, createAdsServer(), log)).rejects.toThrow(
      "ADS on 127.0.0.1:0: SDS hands out private keys; use unix:/path, or TLS with a certificate, a key and the CA of Envoy's client certificate",
    );
  }
});

test("31: over TCP a client without a certificate is refused, and one with it is served", async () => {
  const { cert, key, certFile, keyFile } = await files();
  const tls = { kind: "files", certFile, keyFile, clientCaFile: certFile } as const;
  listener = await openAdsListener({ address: "127.0.0.1:0", tls }, createAdsServer(), log);
  const url = `https://${listener.address}`;
  const stranger = connect(url, { ca: cert });
  await expect(statusOf(stranger, methods[0] as string)).rejects.toThrow();
  stranger.destroy();
  const known = connect(url, { ca: cert, cert, key });
  expect(await statusOf(known, methods[0] as string)).toBe(statusCode.ok);
  known.destroy();
});

test("31: asked for secrets or any configuration, the picker's port answers UNIMPLEMENTED", async () => {
  const sidecar = await startSidecar({
    topology: directTopology({ primary: ["127.0.0.1:9"], shadow: [], port: 80 }),
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log,
  });
  const session = connect(`http://${sidecar.grpcAddress}`);
  const statuses = await Promise.all(methods.map((path) => statusOf(session, path)));
  session.destroy();
  await sidecar.close(0);
  expect(statuses).toEqual(methods.map(() => statusCode.unimplemented));
});

test("30: a client that sends garbage loses its stream, and the next one is served", async () => {
  const socket = join(folder, "ads.sock");
  const ads = createAdsServer();
  ads.update(emptySnapshot);
  listener = await openAdsListener({ address: `unix:${socket}` }, ads, log);
  const open = () => connect("http://ads", { createConnection: () => createConnection(socket) });
  const bad = open();
  const stream = bad.request(headersOf(methods[0] as string));
  const status = new Promise((resolve) => {
    stream.on("trailers", (headers) => resolve(Number(headers["grpc-status"])));
    stream.on("response", (headers) => {
      const { "grpc-status": early } = headers;
      if (early !== undefined) resolve(Number(early));
    });
  });
  stream.on("error", () => {});
  stream.resume();
  stream.write(Buffer.from([0, 0, 0, 0, 3, 255, 255, 255]));
  expect(await status).not.toBe(statusCode.ok);
  bad.destroy();
  const good = open();
  expect(await statusOf(good, methods[0] as string)).toBe(statusCode.ok);
  good.destroy();
});
