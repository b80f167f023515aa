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
 * Returns the topology as `createSystemTrust` does. Throws UsageError for a flag without effect, and CommandError if the
 * given file can't be read.
 */
export function withSystemAuthorities(
  topology: Topology,
  flag: string | undefined,
  io: Pick<Io, "env">,
): Topology {
  refuseUnusedSystemCa(topology, flag);
  return createSystemTrust(flag, io)(topology);
}

/** Throws UsageError for a `--system-ca` without effect. */
export function refuseUnusedSystemCa(topology: Topology, flag: string | undefined): void {
  if (!usesSystemAuthorities(topology) && flag !== undefined) throw systemCaWithoutEffect();
}

/**
 * Returns a function that replaces "the system's CA certificates" in a topology by their PEM text, so that Umbra trusts
 * what Envoy trusts. If no file is given and none is found, Node.js' own CA certificates are used. While the given file
 * can't be read, the certificates that it had are used; the function throws CommandError if it never could be read.
 */
export function createSystemTrust(
  flag: string | undefined,
  { env }: Pick<Io, "env">,
): (topology: Topology) => Topology {
  let last: string | undefined;
  return (topology) => {
    if (!usesSystemAuthorities(topology)) return topology;
    try {
      last = readAuthorities(flag, env);
    } catch (cause) {
      if (last === undefined) throw cause;
    }
    return last === undefined ? topology : trusting(topology, last);
  };
}

function trusting(topology: Topology, caPem: string): Topology {
  return {
    ...topology,
    pools: topology.pools.map((pool) =>
      isOfSystem(pool.tls) ? { ...pool, tls: { ...pool.tls, caPem } } : pool,
    ),
  };
}

export function systemCaWithoutEffect(): UsageError {
  return new UsageError(
    "--system-ca has no effect: no BackendTLSPolicy has wellKnownCACertificates: System",
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
