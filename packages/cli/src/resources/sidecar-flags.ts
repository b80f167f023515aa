import type { SidecarTls } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { UsageError } from "../errors.ts";
import { hostPort } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";

/** Values of the flags for TLS from Envoy to the sidecar. */
export interface SidecarTlsFlags {
  readonly sidecarTls?: true;
  readonly sidecarCa?: string;
  readonly sidecarCert?: string;
  readonly sidecarKey?: string;
  readonly sidecarName?: string;
}

const of = { up: undefined, render: undefined, doctor: undefined, serve: undefined };

export const sidecarTlsFlags: FlagTable<SidecarTlsFlags> = {
  sidecarTls: {
    flag: "--sidecar-tls",
    help: "use TLS from Envoy to the sidecar; the sidecar's certificate is verified only with --sidecar-ca",
    of,
  },
  sidecarCa: {
    flag: "--sidecar-ca <file>",
    help: "PEM CA of the sidecar's certificate; read by Envoy",
    of,
  },
  sidecarCert: {
    flag: "--sidecar-cert <file>",
    help: "PEM client certificate of Envoy for the sidecar",
    of,
  },
  sidecarKey: { flag: "--sidecar-key <file>", help: "PEM key for --sidecar-cert", of },
  sidecarName: {
    flag: "--sidecar-name <name>",
    help: "expected name in the sidecar's certificate (default: host of the address)",
    of,
  },
};

/** Throws UsageError if the flags contradict each other. */
export function sidecarTlsOf(flags: SidecarTlsFlags): { readonly sidecarTls?: SidecarTls } {
  const { sidecarTls, sidecarCa, sidecarCert, sidecarKey, sidecarName } = flags;
  const given = [sidecarCa, sidecarCert, sidecarKey, sidecarName].some(
    (each) => each !== undefined,
  );
  if (sidecarTls !== true && !given) return {};
  if ((sidecarCert === undefined) !== (sidecarKey === undefined)) {
    throw new UsageError("give both --sidecar-cert and --sidecar-key");
  }
  if (sidecarName !== undefined && sidecarCa === undefined) {
    throw new UsageError("--sidecar-name needs --sidecar-ca: without it nothing is verified");
  }
  const files = { caFile: sidecarCa, certFile: sidecarCert, keyFile: sidecarKey };
  return { sidecarTls: defined({ ...files, serverName: sidecarName }) };
}

/** Maximum length of a Unix socket's path, in bytes. */
export const maxSocketPath = 107;

/** Checks the sidecar's address: `host:port` or `unix:/path`. Throws UsageError. */
export function sidecarAddress(text: string, flag: string): string {
  if (!text.startsWith("unix:")) {
    hostPort(text, flag);
    return text;
  }
  const path = text.slice("unix:".length);
  if (!path.startsWith("/")) {
    throw new UsageError(
      `${flag}: a Unix socket needs an absolute path such as unix:/run/umbra.sock, got "${text}"`,
    );
  }
  if (Buffer.byteLength(path) > maxSocketPath) {
    throw new UsageError(
      `${flag}: the path of a Unix socket may have at most ${maxSocketPath} bytes`,
    );
  }
  return text;
}
