import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { SidecarTls } from "@umbra/envoy-config";
import { hostPort } from "../flag-values.ts";
import { areaOf, type Finding } from "./finding.ts";

/** How Envoy would reach a sidecar. */
export interface SidecarLink {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  readonly tls: SidecarTls | undefined;
}

const { ok, wrong } = areaOf("sidecar");

/** Asks a sidecar for its health as Envoy does, over the same socket and with the same certificates. */
export async function lookAtSidecar(link: SidecarLink, timeoutMs: number): Promise<Finding> {
  const { address, tls } = link;
  const how =
    tls === undefined ? "" : tls.caFile === undefined ? " over unverified TLS" : " over TLS";
  const health = await healthOf(link, timeoutMs);
  if (!health.ok) {
    const message = `no sidecar is reached at ${address}${how}: ${health.reason}`;
    return wrong("error", "UMB0416", message);
  }
  const message = `the sidecar at ${address} answers${how}`;
  if (health.isServing) return ok(`${message} and serves`);
  return wrong("warning", "UMB0415", `${message}, but does not serve yet`);
}

type Health =
  | { readonly ok: true; readonly isServing: boolean }
  | { readonly ok: false; readonly reason: string };

/** What Envoy's health check asks for. */
const service = Buffer.from("envoy.service.ext_proc.v3.ExternalProcessor");

/** A gRPC message of one field, of the number 1: a HealthCheckRequest. */
const question = Buffer.concat([
  Buffer.from([0, 0, 0, 0, service.length + 2, 0x0a, service.length]),
  service,
]);

/** A HealthCheckResponse has one small number; more is somebody else's answer. */
const maxAnswer = 256;
const servingAnswer = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

function healthOf(link: SidecarLink, timeoutMs: number): Promise<Health> {
  return new Promise((resolve) => {
    let socket: Socket;
    try {
      socket = open(link);
    } catch (cause) {
      resolve({ ok: false, reason: reasonOf(cause) });
      return;
    }
    const scheme = link.tls === undefined ? "http" : "https";
    const session = connect(`${scheme}://sidecar`, { createConnection: () => socket });
    const end = (health: Health) => {
      clearTimeout(timer);
      session.destroy();
      socket.destroy();
      resolve(health);
    };
    const fail = (cause: unknown) => end({ ok: false, reason: reasonOf(cause) });
    const timer = setTimeout(
      () => fail(new Error(`no answer within ${timeoutMs / 1_000} s`)),
      timeoutMs,
    );
    socket.on("error", fail);
    session.on("error", fail);
    session.on("close", () => fail(new Error("it ends the connection: does it serve TLS?")));
    const call = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    let answer = Buffer.alloc(0);
    call.on("error", fail);
    call.on("data", (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length > maxAnswer) fail(new Error("its answer is not that of a sidecar"));
    });
    call.on("end", () => {
      if (answer.length === 0) fail(new Error("it is no gRPC server with a health check"));
      else end({ ok: true, isServing: answer.equals(servingAnswer) });
    });
    call.end(question);
  });
}

/** Throws where a file can't be read. */
function open({ address, tls }: SidecarLink): Socket {
  const where = address.startsWith("unix:")
    ? { path: address.slice("unix:".length) }
    : hostPort(address, "--sidecar");
  if (tls === undefined) return connectTcp(where);
  const { caFile, certFile, keyFile } = tls;
  const name = tls.serverName ?? ("host" in where ? where.host : undefined);
  return connectTls({
    ...where,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    rejectUnauthorized: caFile !== undefined,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
    ...(name === undefined || isIP(name) !== 0 ? {} : { servername: name }),
    // Behind a Unix socket there is no name to hold the certificate to.
    ...(name === undefined ? { checkServerIdentity: () => undefined } : {}),
  });
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}
