import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Certificates } from "@umbra/grpc";
import type { Logger } from "pino";
import { selfSigned } from "./self-signed.ts";

/** The source of the ext_proc server's certificates. */
export type CertificateSource =
  /** Created at start and never stored, for gateways that encrypt but don't verify, such as Envoy AI Gateway. */
  | { readonly kind: "self-signed" }
  /** PEM files, reloaded when they change. With `clientCaFile`, clients must present a certificate from that CA. */
  | {
      readonly kind: "files";
      readonly certFile: string;
      readonly keyFile: string;
      readonly clientCaFile?: string;
    };

export interface OpenCertificates {
  readonly first: Certificates;
  /** Calls back with changed, valid certificates. */
  watch(onChange: (next: Certificates) => void): void;
  close(): void;
}

const checkEveryMs = 2_000;

/** Throws if files can't be read or don't match. */
export async function openCertificates(
  source: CertificateSource,
  log: Logger,
): Promise<OpenCertificates> {
  if (source.kind === "self-signed") {
    return { first: await selfSigned(), watch() {}, close() {} };
  }
  const files = [source.certFile, source.keyFile, source.clientCaFile].filter(
    (file) => file !== undefined,
  );
  const read = async (): Promise<Certificates> => {
    const [cert = "", key = "", clientCa] = await Promise.all(files.map(textOf));
    return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) };
  };
  const first = await read();
  check(first, files);
  /** The last content, valid or not, so that it is reported only once. */
  let seen = JSON.stringify(first);
  let timer: NodeJS.Timeout | undefined;

  async function look(onChange: (next: Certificates) => void): Promise<void> {
    try {
      const next = await read().catch((cause: Error) => cause);
      // Unreadable files also count as seen.
      const text = next instanceof Error ? next.message : JSON.stringify(next);
      if (text === seen) return;
      seen = text;
      if (next instanceof Error) throw next;
      check(next, files);
      onChange(next);
      log.info({ files }, "the certificates have changed");
    } catch (cause) {
      // A certificate is often written shortly before its key: the next check finds both.
      log.warn({ err: cause }, "the changed certificates are invalid: keeping the old ones");
    }
  }

  return {
    first,
    watch(onChange) {
      // Polls, because a mounted Secret changes through a symbolic link, and a watch that starts after a change would miss it.
      const next = async () => {
        await look(onChange);
        timer?.refresh();
      };
      timer = setTimeout(() => void next(), checkEveryMs).unref();
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

/** Throws if they don't match. */
function check(certificates: Certificates, files: readonly string[]): void {
  try {
    createSecureContext({ ...certificates, ca: certificates.clientCa });
  } catch (cause) {
    throw new Error(`${files.join(", ")} can't be used: ${(cause as Error).message}`, { cause });
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Error(`${file} can't be read: ${(cause as Error).message}`, { cause });
  }
}
