import type { SidecarTls } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { UsageError } from "../errors.ts";
import { hostPort } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";

/** Values of the flags for how Envoy reaches the sidecar over TLS. */
export interface SidecarTlsFlags {
  readonly sidecarTls?: true;
  readonly sidecarCa?: string;
  readonly sidecarCert?: string;
  readonly sidecarKey?: string;
  readonly sidecarName?: string;
}

const of = { up: undefined, render: undefined, doctor: undefined };

export const sidecarTlsFlags: FlagTable<SidecarTlsFlags> = {
  sidecarTls: {
    flag: "--sidecar-tls",
    help: "Envoy speaks TLS to the sidecar, and verifies it only with a --sidecar-ca",
    of,
  },
  sidecarCa: {
    flag: "--sidecar-ca <file>",
    help: "PEM authority of the sidecar's certificate; Envoy reads it",
    of,
  },
  sidecarCert: {
    flag: "--sidecar-cert <file>",
    help: "PEM certificate that Envoy shows to the sidecar",
    of,
  },
  sidecarKey: { flag: "--sidecar-key <file>", help: "and its PEM key", of },
  sidecarName: {
    flag: "--sidecar-name <name>",
    help: "whose certificate it must be, if not the address's host",
    of,
  },
};

/** Throws UsageError when the flags don't go together. */
export function sidecarTlsOf(flags: SidecarTlsFlags): { readonly sidecarTls?: SidecarTls } {
  const { sidecarTls, sidecarCa, sidecarCert, sidecarKey, sidecarName } = flags;
  const given = [sidecarCa, sidecarCert, sidecarKey, sidecarName].some(
    (each) => each !== undefined,
  );
  if (sidecarTls !== true && !given) return {};
  if ((sidecarCert === undefined) !== (sidecarKey === undefined)) {
    throw new UsageError("--sidecar-cert and --sidecar-key go together");
  }
  if (sidecarName !== undefined && sidecarCa === undefined) {
    throw new UsageError("--sidecar-name needs --sidecar-ca: without it nothing is verified");
  }
  const files = { caFile: sidecarCa, certFile: sidecarCert, keyFile: sidecarKey };
  return { sidecarTls: defined({ ...files, serverName: sidecarName }) };
}

/** The longest path that a Unix socket's address holds, in bytes. */
const maxSocketPath = 107;

/** Checks the sidecar's address: `host:port` or `unix:/path`. Throws UsageError. */
export function sidecarAddress(text: string, flag: string): string {
  if (!text.startsWith("unix:")) {
    hostPort(text, flag);
    return text;
  }
  const path = text.slice("unix:".length);
  if (!path.startsWith("/")) {
    throw new UsageError(
      `${flag}: a Unix socket has an absolute path, such as unix:/run/umbra.sock, not "${text}"`,
    );
  }
  if (Buffer.byteLength(path) > maxSocketPath) {
    throw new UsageError(`${flag}: the path of a Unix socket has at most ${maxSocketPath} bytes`);
  }
  return text;
}
