import { existsSync } from "node:fs";
import { defaultBootstrapOptions } from "@umbra/envoy-config";

/** Where Linux distributions keep the trusted CA certificates. */
const known = [
  defaultBootstrapOptions.systemCaFile,
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
  "/etc/ssl/ca-bundle.pem",
];

/** The PEM file with this machine's CA certificates: `$SSL_CERT_FILE`, else the first known file that exists. */
export function systemCaFile(env: Readonly<Record<string, string | undefined>>): string {
  const { SSL_CERT_FILE: named } = env;
  if (named !== undefined && named !== "") return named;
  return known.find((path) => existsSync(path)) ?? defaultBootstrapOptions.systemCaFile;
}
