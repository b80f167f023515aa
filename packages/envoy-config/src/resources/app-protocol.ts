import { didYouMean } from "../nearest.ts";
import type { Reader } from "./reader.ts";
import type { ServicePort } from "./resources.ts";

type Protocol = Pick<ServicePort, "protocol" | "isTls" | "isCleartext" | "isWebSocket">;

/** The meaning of each known `appProtocol` of a Service port. */
const protocols: ReadonlyMap<string, Protocol> = new Map([
  ...named({ protocol: "http1" }, "http", "kubernetes.io/http"),
  ...named({ protocol: "http1", isWebSocket: true }, "ws", "kubernetes.io/ws"),
  ...named({ protocol: "h2c", isCleartext: true }, "kubernetes.io/h2c", "h2c"),
  ...named({ protocol: "h2c" }, "http2", "grpc", "kubernetes.io/grpc"),
  ...named(
    { protocol: "http1", isTls: true },
    "https",
    "tls",
    "kubernetes.io/https",
    "kubernetes.io/tls",
  ),
  ...named({ protocol: "http1", isTls: true, isWebSocket: true }, "wss", "kubernetes.io/wss"),
  ...named({ protocol: "h2c", isTls: true }, "h2", "kubernetes.io/h2", "grpcs"),
]);

function named(meaning: Protocol, ...names: readonly string[]) {
  return names.map((name) => [name, meaning] as const);
}

/** Reads `appProtocol`. Reports unknown protocols. */
export function readAppProtocol(port: Reader): Protocol {
  const name = port.string("appProtocol");
  if (name === undefined) return { protocol: "http1" };
  const known = protocols.get(name.toLowerCase());
  if (known !== undefined) return known;
  const { remedy = "use http, https or kubernetes.io/h2c" } = didYouMean(name, [
    ...protocols.keys(),
  ]);
  const message = `the protocol "${name.slice(0, 64)}" is not supported: using HTTP/1.1 without TLS`;
  port.unsupported(message, "appProtocol", { remedy });
  return { protocol: "http1" };
}
