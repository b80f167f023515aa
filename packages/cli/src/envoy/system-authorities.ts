import { readFileSync } from "node:fs";
import type { EndpointTls, Topology } from "@umbra/envoy-config";
import { CommandError, UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import { systemCaFile } from "./system-ca.ts";

/** True if endpoints are verified with the system's CA certificates. */
export function usesSystemAuthorities({ pools }: Pick<Topology, "pools">): boolean {
  return pools.some(({ tls }) => isOfSystem(tls));
}

/**
 * Replaces "the system's CA certificates" in the topology by their PEM text, so that Umbra trusts what Envoy trusts.
 * If no file is given and none is found, Node.js' own CA certificates are used. Throws UsageError for a flag without
 * effect and CommandError if the given file can't be read.
 */
export function withSystemAuthorities(
  topology: Topology,
  flag: string | undefined,
  { env }: Pick<Io, "env">,
): Topology {
  if (!usesSystemAuthorities(topology) && flag !== undefined) throw systemCaWithoutEffect();
  return trustingSystem(topology, flag, { env });
}

/** Like `withSystemAuthorities`, for a topology that has changed: the flag may have had an effect before. */
export function trustingSystem(
  topology: Topology,
  flag: string | undefined,
  { env }: Pick<Io, "env">,
): Topology {
  if (!usesSystemAuthorities(topology)) return topology;
  const caPem = readAuthorities(flag, env);
  if (caPem === undefined) return topology;
  return {
    ...topology,
    pools: topology.pools.map((pool) =>
      isOfSystem(pool.tls) ? { ...pool, tls: { ...pool.tls, caPem } } : pool,
    ),
  };
}

export function systemCaWithoutEffect(): UsageError {
  return new UsageError(
    "--system-ca has no effect: no BackendTLSPolicy in the files has wellKnownCACertificates: System",
  );
}

function isOfSystem(tls: EndpointTls | undefined): boolean {
  return tls?.hostname !== undefined && tls.caPem === undefined;
}

function readAuthorities(flag: string | undefined, env: Io["env"]): string | undefined {
  const { SSL_CERT_FILE: named = "" } = env;
  try {
    return readFileSync(flag ?? systemCaFile(env), "utf8");
  } catch (cause) {
    if (flag === undefined && named === "") return undefined;
    const { code } = cause as NodeJS.ErrnoException;
    const name = flag === undefined ? "the environment's SSL_CERT_FILE" : "--system-ca";
    throw new CommandError(`${name}: ${flag ?? named} can't be read: ${code}`, { cause });
  }
}
