import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Certificates } from "@umbra/ext-proc";
import type { Logger } from "pino";
import { selfSigned } from "./self-signed.ts";

/** Where the certificates of the ext_proc server come from. */
export type CertificateSource =
  /** Made at the start and never stored: for gateways that encrypt and do not verify, as Envoy AI Gateway does. */
  | { readonly kind: "self-signed" }
  /** PEM files, read again when they change. With `clientCaFile` clients must show a certificate of that authority. */
  | {
      readonly kind: "files";
      readonly certFile: string;
      readonly keyFile: string;
      readonly clientCaFile?: string;
    };

export interface OpenCertificates {
  readonly first: Certificates;
  /** Calls back with certificates that have changed and can be used. */
  watch(onChange: (next: Certificates) => void): void;
  close(): void;
}

const lookEveryMs = 2_000;

/** Throws when files can't be read or don't belong together. */
export async function openCertificates(
  source: CertificateSource,
  log: Logger,
): Promise<OpenCertificates> {
  if (source.kind === "self-signed") {
    return { first: await selfSigned(), watch() {}, close() {} };
  }
  const { certFile, keyFile, clientCaFile } = source;
  const files = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
  const read = (): Certificates => {
    const certificates = {
      cert: textOf(certFile),
      key: textOf(keyFile),
      ...(clientCaFile === undefined ? {} : { clientCa: textOf(clientCaFile) }),
    };
    try {
      createSecureContext({ ...certificates, ca: certificates.clientCa });
    } catch (cause) {
      throw new Error(`${files.join(", ")} can't be used: ${(cause as Error).message}`, { cause });
    }
    return certificates;
  };
  let current = read();
  return {
    first: current,
    watch(onChange) {
      const look = () => {
        try {
          const next = read();
          if (JSON.stringify(next) === JSON.stringify(current)) return;
          current = next;
          onChange(next);
          log.info({ files }, "the certificates have changed");
        } catch (cause) {
          // Often a file is written a moment before its key: the next look finds both.
          log.warn(
            { err: cause },
            "the certificates have changed and can't be used: the old ones stay",
          );
        }
      };
      // Polled, since a mounted Secret changes by a link to another folder.
      for (const file of files) {
        watchFile(file, { interval: lookEveryMs, persistent: false }, look);
      }
    },
    close() {
      for (const file of files) unwatchFile(file);
    },
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new Error(`${file} can't be read: ${(cause as Error).message}`, { cause });
  }
}
