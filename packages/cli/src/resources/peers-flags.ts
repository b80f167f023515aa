import { type PeerKeys, type PeersOptions, readPeerKeys } from "@umbra/sidecar";
import { UsageError } from "../errors.ts";
import { checked, hostPort } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";
import { checkReadable } from "../process/usable-file.ts";

/** Values of the flags of a sidecar with several peers. */
export interface PeersFlags {
  readonly peersListen?: string;
  readonly peers?: readonly string[];
  readonly peersService?: string;
  readonly peerSecretFile?: string;
  readonly judge?: true;
}

const of = { serve: undefined };

export const peersFlags: FlagTable<PeersFlags> = {
  peersListen: {
    flag: "--peers-listen <host:port>",
    help: "address where other sidecars over the same pools connect: see docs/peers.md",
    read: checked(hostPort),
    of,
  },
  peers: {
    flag: "--peers <host:port>",
    help: "address of another sidecar's --peers-listen; repeatable, and this sidecar's own may be among them",
    read: (given: string, flag: string, previous: readonly string[] | undefined) => {
      hostPort(given, flag);
      return [...(previous ?? []), given];
    },
    of,
  },
  peersService: {
    flag: "--peers-service <namespace/name>",
    help: "with --kube: headless Service whose ready pods are the peers, with a port named peers",
    of,
  },
  peerSecretFile: {
    flag: "--peer-secret-file <file>",
    help: "file with the shared secret of all peers, at least 32 random bytes",
    read: checked(checkReadable),
    of,
  },
  judge: {
    flag: "--judge",
    help: "judge the samples of all peers together; give it to one sidecar only (with --kube, the holder of the Lease judges without this flag)",
    of,
  },
};

/** A headless Service. */
export interface PeersService {
  readonly namespace: string;
  readonly name: string;
}

/** The peers of this sidecar. */
export interface PeersChoice {
  readonly options: Omit<PeersOptions, "isJudge">;
  /** Where their addresses come from instead. */
  readonly service: PeersService | undefined;
}

const namePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Undefined without `--peers-listen`.
 *
 * @param hasKube whether an API server is followed
 * @throws UsageError if the flags contradict each other or the secret can't be used
 */
export function peersOf(
  flags: PeersFlags,
  { hasKube }: { readonly hasKube: boolean },
): PeersChoice | undefined {
  const { peersListen, peers = [], peersService, peerSecretFile } = flags;
  if (peersListen === undefined) {
    refuseWithoutListen(flags);
    return undefined;
  }
  if (peerSecretFile === undefined) {
    throw new UsageError(
      "--peers-listen needs --peer-secret-file: only sidecars that know the secret may connect",
    );
  }
  if (peersService !== undefined && peers.length > 0) {
    throw new UsageError("give either --peers or --peers-service, not both");
  }
  if (peersService !== undefined && !hasKube) throw new UsageError("--peers-service needs --kube");
  return {
    options: {
      listen: hostPort(peersListen, "--peers-listen"),
      keys: keysIn(peerSecretFile),
      addresses: peers,
    },
    service: peersService === undefined ? undefined : serviceOf(peersService),
  };
}

function keysIn(file: string): PeerKeys {
  try {
    return readPeerKeys(file);
  } catch (cause) {
    throw new UsageError(`--peer-secret-file: ${(cause as Error).message}`, { cause });
  }
}

function serviceOf(text: string): PeersService {
  const [namespace = "", name = "", ...more] = text.split("/");
  if (more.length > 0 || !namePattern.test(namespace) || !namePattern.test(name)) {
    throw new UsageError(`--peers-service expects NAMESPACE/NAME, got "${text.slice(0, 100)}"`);
  }
  return { namespace, name };
}

function refuseWithoutListen({ peers, peersService, peerSecretFile, judge }: PeersFlags): void {
  const given = Object.entries({
    "--peers": peers,
    "--peers-service": peersService,
    "--peer-secret-file": peerSecretFile,
    "--judge": judge,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (given.length > 0)
    throw new UsageError(`${given.join(", ")}: no effect without --peers-listen`);
}
