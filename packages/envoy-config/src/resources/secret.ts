import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { Secret } from "./resources.ts";

/** Reads what a Secret holds for TLS. Nothing of it may be in a diagnostic, or, but certificates of authorities, in the topology. */
export function readSecret(meta: Meta, root: Reader): Secret {
  const data = root.texts("data", { isText: true });
  // What a Secret says as text goes before what it says in base64, as an API server has it.
  const text = root.texts("stringData", { isText: true });
  const entry = (key: string): string | undefined => {
    const encoded = data[key];
    return text[key] ?? (encoded === undefined ? undefined : decoded(encoded));
  };
  return {
    ...meta,
    certificate: entry("tls.crt"),
    privateKey: entry("tls.key"),
    authority: entry("ca.crt"),
  };
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
