import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Certificates } from "@umbra/grpc";
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
  const files = [source.certFile, source.keyFile, source.clientCaFile].filter(
    (file) => file !== undefined,
  );
  const read = async (): Promise<Certificates> => {
    const [cert = "", key = "", clientCa] = await Promise.all(files.map(textOf));
    return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) };
  };
  const first = await read();
  check(first, files);
  /** What was seen last, good or not: nothing is said of it twice. */
  let seen = JSON.stringify(first);
  let timer: NodeJS.Timeout | undefined;

  async function look(onChange: (next: Certificates) => void): Promise<void> {
    try {
      const next = await read().catch((cause: Error) => cause);
      // What can't be read counts as seen too.
      const text = next instanceof Error ? next.message : JSON.stringify(next);
      if (text === seen) return;
      seen = text;
      if (next instanceof Error) throw next;
      check(next, files);
      onChange(next);
      log.info({ files }, "the certificates have changed");
    } catch (cause) {
      // Often a file is written a moment before its key: the next look finds both.
      log.warn(
        { err: cause },
        "the certificates have changed and can't be used: the old ones stay",
      );
    }
  }

  return {
    first,
    watch(onChange) {
      // Read again and again: a mounted Secret changes by a link to another folder, and a watch that begins a moment after
      // a change would never see it.
      const next = async () => {
        await look(onChange);
        timer?.refresh();
      };
      timer = setTimeout(() => void next(), lookEveryMs).unref();
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

/** Throws where they don't belong together. */
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
