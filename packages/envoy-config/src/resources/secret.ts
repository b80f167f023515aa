import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { Secret } from "./resources.ts";

/** Reads what a Secret holds for TLS. Nothing of it may be in a diagnostic, or, but certificates of authorities, in the topology. */
export function readSecret(meta: Meta, _spec: Reader, root: Reader): Secret {
  const data = root.texts("data", { isText: true });
  // What a Secret says as text goes before what it says in base64, as an API server has it.
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
