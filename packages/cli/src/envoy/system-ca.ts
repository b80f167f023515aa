import { existsSync } from "node:fs";
import { defaultBootstrapOptions } from "@umbra/envoy-config";

/** Where distributions keep the authorities that a machine trusts. */
const known = [
  defaultBootstrapOptions.systemCaFile,
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
  "/etc/ssl/ca-bundle.pem",
];

/** The PEM authorities of this machine: `$SSL_CERT_FILE`, else the first that is there. */
export function systemCaFile(env: Readonly<Record<string, string | undefined>>): string {
  const { SSL_CERT_FILE: named } = env;
  if (named !== undefined && named !== "") return named;
  return known.find((path) => existsSync(path)) ?? defaultBootstrapOptions.systemCaFile;
}
