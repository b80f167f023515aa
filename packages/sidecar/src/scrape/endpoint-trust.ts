import { createSecureContext, type SecureContext } from "node:tls";
import type { EndpointTls } from "@umbra/envoy-config";

/** Options of `tls.connect` that say whom to trust. */
export interface EndpointConnectOptions {
  readonly rejectUnauthorized: boolean;
  readonly servername?: string;
  readonly secureContext?: SecureContext;
}

/** How undici connects to endpoints: the certificate is verified where a hostname says whose it must be. */
export function endpointConnectOptions({ hostname, caPem }: EndpointTls): EndpointConnectOptions {
  return {
    rejectUnauthorized: hostname !== undefined,
    ...(hostname === undefined ? {} : { servername: hostname }),
    ...(caPem === undefined ? {} : { secureContext: contextOf(caPem) }),
  };
}

/** By PEM text. The authorities come from the resources and the machine, so there are few. */
const contexts = new Map<string, SecureContext>();

/** Reading the authorities of a system takes 20 ms, which must not be spent on each connection. */
function contextOf(caPem: string): SecureContext {
  const known = contexts.get(caPem) ?? createSecureContext({ ca: caPem });
  contexts.set(caPem, known);
  return known;
}
