import type { MetricsPlace } from "@umbra/scheduler/scrape";
import {
  createEndpointClient,
  type EndpointClient,
  type EndpointClientOptions,
} from "./endpoint-client.ts";

/** The connections to one endpoint: to its API, and to its metrics page if that has another port or scheme. */
export interface EndpointClients {
  readonly own: EndpointClient;
  of(place: MetricsPlace): EndpointClient;
  close(): Promise<void>;
}

export interface EndpointClientsOptions extends EndpointClientOptions {
  /** `ip:port` of its API. */
  readonly address: string;
  readonly timeoutMs: number;
}

export function createEndpointClients(options: EndpointClientsOptions): EndpointClients {
  const { address, timeoutMs, tls, authorization } = options;
  const own = createEndpointClient(address, timeoutMs, { tls, authorization });
  const others = new Map<string, EndpointClient>();

  return {
    own,
    of({ scheme, address: at }) {
      if (at === address && (scheme === "https") === (tls !== undefined)) return own;
      const key = `${scheme}://${at}`;
      const known = others.get(key);
      if (known !== undefined) return known;
      // The key of an endpoint with TLS is never sent in plain text.
      const isSafe = scheme === "https" || tls === undefined;
      const made = createEndpointClient(at, timeoutMs, {
        tls: scheme === "https" ? (tls ?? {}) : undefined,
        authorization: isSafe ? authorization : undefined,
      });
      others.set(key, made);
      return made;
    },
    async close() {
      await Promise.all([own, ...others.values()].map((client) => client.close()));
    },
  };
}
