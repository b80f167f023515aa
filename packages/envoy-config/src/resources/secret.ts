import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { Secret } from "./resources.ts";

/** Reads the TLS content of a Secret. It must not appear in diagnostics. Except for CA certificates, it must not appear in the topology either. */
export function readSecret(meta: Meta, _spec: Reader, root: Reader): Secret {
  const data = root.texts("data", { isText: true });
  // `stringData` takes precedence over base64 `data`, as in an API server.
  const text = root.texts("stringData", { isText: true });
  const entry = (key: string): string | undefined => {
    const encoded = data[key];
    const decoded = encoded && Buffer.from(encoded, "base64").toString("utf8");
    return text[key] ?? decoded;
  };
  return {
    ...meta,
    certificate: entry("tls.crt"),
    privateKey: entry("tls.key"),
    authority: entry("ca.crt"),
  };
}
