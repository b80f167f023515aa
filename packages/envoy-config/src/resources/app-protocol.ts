import { nearest } from "../nearest.ts";
import type { Reader } from "./reader.ts";
import type { ServicePort } from "./resources.ts";

type Protocol = Pick<ServicePort, "protocol" | "isTls">;

/** What `appProtocol` of a Service's port means, whichever of the names in use it has. */
const protocols: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ...["http", "kubernetes.io/http", "ws", "kubernetes.io/ws"].map(
    (name) => [name, { protocol: "http1" }] as const,
  ),
  ...["kubernetes.io/h2c", "h2c", "http2", "grpc", "kubernetes.io/grpc"].map(
    (name) => [name, { protocol: "h2c" }] as const,
  ),
  ...["https", "tls", "kubernetes.io/https", "wss", "kubernetes.io/wss", "kubernetes.io/tls"].map(
    (name) => [name, { protocol: "http1", isTls: true }] as const,
  ),
  ...["h2", "kubernetes.io/h2", "grpcs"].map(
    (name) => [name, { protocol: "h2c", isTls: true }] as const,
  ),
]);

/** Reads `appProtocol`; one that means nothing to Umbra is reported. */
export function readAppProtocol(port: Reader): Protocol {
  const name = port.string("appProtocol");
  if (name === undefined) return { protocol: "http1" };
  const known = protocols.get(name.toLowerCase());
  if (known !== undefined) return known;
  const near = nearest(name, [...protocols.keys()]);
  const message = `the protocol "${name.slice(0, 64)}" is not supported: endpoints are asked in HTTP/1.1 without TLS`;
  port.report("warning", "UMB0208", message, "appProtocol", {
    remedy: near === undefined ? "name http, https or kubernetes.io/h2c" : `did you mean ${near}?`,
  });
  return { protocol: "http1" };
}
