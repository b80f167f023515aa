import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { SidecarTls } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { Client } from "undici";
import { hostPort } from "../flag-values.ts";
import { areaOf, type Finding } from "./finding.ts";

/** How Envoy connects to a sidecar. */
export interface SidecarLink {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  readonly tls: SidecarTls | undefined;
}

const { ok, wrong } = areaOf("sidecar");

/** Runs Envoy's health check against a sidecar, over the same socket and with the same certificates. */
export async function checkSidecar(link: SidecarLink, timeoutMs: number): Promise<Finding> {
  const { address, tls } = link;
  const how =
    tls === undefined ? "" : tls.caFile === undefined ? " over unverified TLS" : " over TLS";
  const health = await healthOf(link, timeoutMs);
  if (!health.ok) {
    const message = `no sidecar is reachable at ${address}${how}: ${health.reason}`;
    return wrong("error", "UMB0416", message);
  }
  const message = `the sidecar at ${address} answers${how}`;
  if (health.isServing) return ok(`${message} and is serving`);
  return wrong("warning", "UMB0415", `${message}, but is not serving yet`);
}

type Health =
  | { readonly ok: true; readonly isServing: boolean }
  | { readonly ok: false; readonly reason: string };

/** The service name in Envoy's health check. */
const service = Buffer.from("envoy.service.ext_proc.v3.ExternalProcessor");

/** A gRPC-framed HealthCheckRequest: one string field with number 1. */
const healthRequest = Buffer.concat([
  Buffer.from([0, 0, 0, 0, service.length + 2, 0x0a, service.length]),
  service,
]);

/** A HealthCheckResponse is one small number; a longer answer comes from another program. */
const maxAnswer = 256;
const servingAnswer = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

async function healthOf(link: SidecarLink, timeoutMs: number): Promise<Health> {
  const signal = AbortSignal.timeout(timeoutMs);
  let client: Client | undefined;
  try {
    client = clientOf(link);
    const { headers, body } = await client.request({
      ...{ path: "/grpc.health.v1.Health/Check", method: "POST", body: healthRequest, signal },
      headers: { "content-type": "application/grpc", te: "trailers" },
    });
    const answer = Buffer.from(await body.arrayBuffer());
    const isGrpc = String(headers["content-type"]).startsWith("application/grpc");
    if (!isGrpc || answer.length === 0) {
      throw new Error("not a gRPC server with a health check");
    }
    return { ok: true, isServing: answer.equals(servingAnswer) };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const known = code === undefined || message.includes(code) ? message : `${message} (${code})`;
    const reason = signal.aborted ? `no answer within ${timeoutMs / 1_000} s` : known;
    return { ok: false, reason };
  } finally {
    await client?.destroy();
  }
}

/** Throws if a file can't be read. */
function clientOf({ address, tls }: SidecarLink): Client {
  const isUnix = address.startsWith("unix:");
  const { host } = isUnix ? { host: "sidecar" } : hostPort(address, "--sidecar");
  const { caFile, certFile, keyFile, serverName = isUnix ? undefined : host } = tls ?? {};
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
  return new Client(`${tls === undefined ? "http" : "https"}://${isUnix ? host : address}`, {
    allowH2: true,
    h2Options: { useH2c: tls === undefined },
    maxResponseSize: maxAnswer,
    connect: defined({
      socketPath: isUnix ? address.slice("unix:".length) : undefined,
      minVersion: "TLSv1.2" as const,
      rejectUnauthorized: caFile !== undefined,
      ca: read(caFile),
      cert: read(certFile),
      key: read(keyFile),
      servername: serverName === undefined || isIP(serverName) !== 0 ? undefined : serverName,
      // A Unix socket has no hostname to check the certificate against.
      checkServerIdentity: serverName === undefined ? () => undefined : undefined,
    }),
  });
}
