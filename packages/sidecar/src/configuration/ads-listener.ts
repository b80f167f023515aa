import { createGrpcServer, createMessageRoom, listenAddress, statusCode } from "@umbra/grpc";
import type { AdsServer } from "@umbra/xds";
import type { Logger } from "pino";
import { type CertificateSource, openCertificates } from "../tls/certificates.ts";

/** Where Envoy asks for its configuration. */
export interface AdsAddress {
  /** `unix:/path`, or `host:port` with `tls`. */
  readonly address: string;
  /** Required for `host:port`, with the CA of Envoy's client certificate. */
  readonly tls?: CertificateSource;
}

export interface AdsListener {
  /** The bound address. */
  readonly address: string;
  /** Ends all streams. Envoys keep what they have. */
  close(): Promise<void>;
}

/** Only names of resources arrive. */
const maxMessageBytes = 4 * 1024 * 1024;
/** Bytes of unfinished requests of all clients. */
const maxUnfinishedBytes = 64 * 1024 * 1024;
/** An Envoy has one. */
const maxStreamsPerConnection = 10;
const closeGraceMs = 500;

/**
 * Serves ADS on an address of its own: SDS hands out private keys, so only the owner of a Unix socket and holders of a
 * client certificate may ask.
 *
 * @throws Error for a network address without client certificates, and if the address can't be bound
 */
export async function openAdsListener(
  at: AdsAddress,
  ads: AdsServer,
  log: Logger,
): Promise<AdsListener> {
  refuseUnprotected(at);
  const certificates = at.tls === undefined ? undefined : await openCertificates(at.tls, log);
  const server = createGrpcServer({
    methods: ads.methods,
    maxMessageBytes,
    room: createMessageRoom(maxUnfinishedBytes),
    maxConcurrentStreams: maxStreamsPerConnection,
    ...(certificates === undefined ? {} : { tls: certificates.first }),
    onThrow(cause) {
      log.error({ err: cause }, "an ADS stream failed");
      return { code: statusCode.internal, message: "internal error" };
    },
  });
  const address = await server.listen(at.address);
  certificates?.watch((next) => server.setCertificates(next));
  return {
    address,
    async close() {
      certificates?.close();
      ads.close();
      await server.close(closeGraceMs);
    },
  };
}

/** @throws Error for a network address that anyone could ask */
function refuseUnprotected({ address, tls }: AdsAddress): void {
  if (listenAddress(address).kind === "unix") return;
  if (tls?.kind === "files" && tls.clientCaFile !== undefined) return;
  throw new Error(
    `ADS on ${address}: SDS hands out private keys; use unix:/path, or TLS with a certificate, a key and the CA of Envoy's client certificate`,
  );
}
