import { readFileSync } from "node:fs";
import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js";
import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from "undici";
import { KubernetesError } from "../api/kubernetes-error.ts";
import type { Credentials } from "./authenticator.ts";

/** Longest time to a connection, TLS included. */
const connectTimeoutMs = 5_000;

interface TlsOptions {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/**
 * Connections to the API server, with the certificates that the files have now. HTTP/1.1: a watch that is given up then
 * ends its own connection, and never waits for one that is dead.
 *
 * @throws KubernetesError INVALID_CONFIG
 */
export function openConnections(
  cluster: Cluster,
  user: User | undefined,
  credentials: Credentials,
): Dispatcher {
  const tls = tlsOptionsOf(cluster, user, credentials);
  const options = { allowH2: false, pipelining: 1, keepAliveTimeout: 30_000 } as const;
  const connect = {
    ...tls,
    timeout: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  };
  if (!cluster.proxyUrl) return new Agent({ ...options, connect });
  const uri = cluster.proxyUrl;
  // Names are always resolved by the proxy, which is what socks5h asks for.
  const socks = uri.replace(/^socks5h:/, "socks5:");
  if (socks.startsWith("socks"))
    return new Socks5ProxyAgent(socks, { ...options, requestTls: tls });
  return new ProxyAgent({ ...options, uri, requestTls: { ...tls, timeout: connectTimeoutMs } });
}

function tlsOptionsOf(cluster: Cluster, user: User | undefined, given: Credentials): TlsOptions {
  const ca = contentOf(cluster.caFile, cluster.caData);
  const cert = given.cert ?? contentOf(user?.certFile, user?.certData);
  const key = given.key ?? contentOf(user?.keyFile, user?.keyData);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(cluster.tlsServerName ? { servername: cluster.tlsServerName } : {}),
    ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
  };
}

function contentOf(file: string | undefined, data: string | undefined): Buffer | undefined {
  if (!file) return data ? Buffer.from(data, "base64") : undefined;
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new KubernetesError("INVALID_CONFIG", `${file}: ${(cause as Error).message}`, { cause });
  }
}
