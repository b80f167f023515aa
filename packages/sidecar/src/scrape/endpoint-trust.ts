import { createSecureContext, type SecureContext } from "node:tls";
import type { EndpointTls } from "@umbra/envoy-config";

/** Options of `tls.connect` for certificate verification. */
export interface EndpointConnectOptions {
  readonly rejectUnauthorized: boolean;
  readonly servername?: string;
  readonly secureContext?: SecureContext;
}

/** Connection options for undici. Verifies the certificate if a hostname is given. */
export function endpointConnectOptions({ hostname, caPem }: EndpointTls): EndpointConnectOptions {
  return {
    rejectUnauthorized: hostname !== undefined,
    ...(hostname === undefined ? {} : { servername: hostname }),
    ...(caPem === undefined ? {} : { secureContext: contextOf(caPem) }),
  };
}

/** CAs that are kept at the same time; they change with the resources, but rarely. */
const maxContexts = 64;
/** Cache by PEM text. */
const contexts = new Map<string, SecureContext>();

/** Parsing the system's CA certificates takes 20 ms, too long for each connection. */
function contextOf(caPem: string): SecureContext {
  const known = contexts.get(caPem) ?? createSecureContext({ ca: caPem });
  if (contexts.size >= maxContexts) contexts.clear();
  contexts.set(caPem, known);
  return known;
}
