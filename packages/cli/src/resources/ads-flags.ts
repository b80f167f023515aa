import type { BootstrapOptions } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import type { AdsAddress } from "@umbra/sidecar";
import { UsageError } from "../errors.ts";
import { checked, hostPort } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";
import { checkReadable } from "../process/usable-file.ts";
import type { ServeFlags } from "./run-flags.ts";
import { type SidecarTlsFlags, sidecarAddress, sidecarTlsOf } from "./sidecar-flags.ts";

/** Values of the flags of a sidecar that gives Envoy its configuration. */
export interface AdsFlags {
  readonly ads?: string;
  readonly adsTlsCert?: string;
  readonly adsTlsKey?: string;
  readonly adsClientCa?: string;
  readonly sidecar?: string;
  readonly statsListener?: string;
}

const of = { serve: undefined };

export const adsFlags: FlagTable<AdsFlags> = {
  ads: {
    flag: "--ads <address>",
    help: "also give Envoy its configuration, by ADS at this address: unix:/path, or host:port with --ads-tls-cert, --ads-tls-key and --ads-client-ca",
    read: checked(sidecarAddress),
    of,
  },
  adsTlsCert: {
    flag: "--ads-tls-cert <file>",
    help: "serve ADS over TLS with this PEM certificate chain",
    read: checked(checkReadable),
    of,
  },
  adsTlsKey: {
    flag: "--ads-tls-key <file>",
    help: "PEM key for --ads-tls-cert; the files of ADS are reloaded when they change",
    read: checked(checkReadable),
    of,
  },
  adsClientCa: {
    flag: "--ads-client-ca <file>",
    help: "serve ADS only to clients with a certificate from this PEM CA",
    read: checked(checkReadable),
    of,
  },
  sidecar: {
    flag: "--sidecar <address>",
    help: "with --ads: address where Envoy reaches this sidecar, host:port or unix:/path (default: that of --grpc)",
    read: checked(sidecarAddress),
    of,
  },
  statsListener: {
    flag: "--stats-listener <host:port>",
    help: "with --ads: address where Envoy serves only GET /stats/prometheus",
    read: checked(hostPort),
    of,
  },
};

type Flags = AdsFlags & SidecarTlsFlags & ServeFlags;

/** Where to serve ADS. Throws UsageError if the flags contradict each other, or if anyone could ask there. */
export function adsAddressOf(flags: Flags): { readonly ads?: AdsAddress } {
  const { ads: address, adsTlsCert: certFile, adsTlsKey: keyFile, adsClientCa } = flags;
  if (address === undefined) {
    refuseWithoutAds(flags);
    return {};
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError("give both --ads-tls-cert and --ads-tls-key");
  }
  const isMutual = certFile !== undefined && adsClientCa !== undefined;
  if (!isMutual && !address.startsWith("unix:")) {
    throw new UsageError(
      `--ads ${address}: private keys pass there; give --ads-tls-cert, --ads-tls-key and --ads-client-ca, or use unix:/path`,
    );
  }
  if (adsClientCa !== undefined && certFile === undefined) {
    throw new UsageError("--ads-client-ca also needs --ads-tls-cert and --ads-tls-key");
  }
  if (certFile === undefined || keyFile === undefined) return { ads: { address } };
  const files = { certFile, keyFile, ...defined({ clientCaFile: adsClientCa }) };
  return { ads: { address, tls: { kind: "files", ...files } } };
}

/** How Envoy reaches this sidecar, for its configuration. Throws UsageError. */
export function adsBootstrapOf(flags: Flags): Partial<BootstrapOptions> {
  const { grpc, grpcTls, grpcTlsCert, envoyAdmin, statsListener } = flags;
  const { sidecar = grpc } = flags;
  if (/^(?:0\.0\.0\.0|\[::\]):/.test(sidecar)) {
    throw new UsageError(
      `Envoy can't call ${sidecar}: give the sidecar's address as Envoy reaches it with --sidecar`,
    );
  }
  const isTls = grpcTls !== undefined || grpcTlsCert !== undefined;
  return {
    sidecar,
    ...sidecarTlsOf({ ...flags, ...(isTls ? { sidecarTls: true } : {}) }),
    ...defined({ envoyAdmin, statsListener }),
  };
}

function refuseWithoutAds(flags: Flags): void {
  const given = Object.entries({
    "--ads-tls-cert": flags.adsTlsCert,
    "--ads-tls-key": flags.adsTlsKey,
    "--ads-client-ca": flags.adsClientCa,
    "--sidecar": flags.sidecar,
    "--stats-listener": flags.statsListener,
    "--sidecar-tls": flags.sidecarTls,
    "--sidecar-ca": flags.sidecarCa,
    "--sidecar-cert": flags.sidecarCert,
    "--sidecar-key": flags.sidecarKey,
    "--sidecar-name": flags.sidecarName,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (given.length > 0) throw new UsageError(`${given.join(", ")}: no effect without --ads`);
}
