import { isIP } from "node:net";
import { readHostname } from "./hostname.ts";
import type { Meta } from "./meta.ts";
import { readObjectRef } from "./object-ref.ts";
import type { Reader } from "./reader.ts";
import type { BackendTlsPolicy } from "./resources.ts";

/** `gateway.networking.k8s.io` BackendTLSPolicy, v1 and v1alpha3. */
export function readBackendTlsPolicy(meta: Meta, spec: Reader): BackendTlsPolicy {
  const targets = spec.soundParts("targetRefs", (each) => {
    const ref = readObjectRef(each, each.required("kind"));
    each.needs("group", '; a Service is in the group `""`');
    const sectionName = each.string("sectionName");
    return ref && { ...ref, sectionName };
  });
  spec.needs("targetRefs");
  spec.needs("validation");
  if (spec.has("options")) {
    spec.unsupported("`options` are not supported and are ignored", "options");
  }
  const validation = spec.inner("validation", readValidation);
  // Without a validation, the policy has an error, and its targets are not served.
  return { ...meta, targets, ...(validation ?? { hostname: "" }) };
}

type Validation = Pick<BackendTlsPolicy, "hostname" | "authorities">;

function readValidation(from: Reader): Validation | undefined {
  const hostname = readHostname(from, "hostname");
  from.needs("hostname");
  const isSystem = from.oneOf("wellKnownCACertificates", ["System"]) !== undefined;
  const authorities = from.each("caCertificateRefs", (each) =>
    readObjectRef(each, each.required("kind")),
  );
  const isBoth = isSystem === authorities.length > 0;
  if (isBoth) {
    from.wrong("`validation` must have either `caCertificateRefs` or `wellKnownCACertificates`");
  }
  if (hostname === undefined) return undefined;
  for (const each of from.maps("subjectAltNames")) each.whole(() => checkName(each, hostname));
  if (isBoth) return undefined;
  if (hostname.startsWith("*") || isIP(hostname) !== 0) {
    from.wrong("`hostname` must not contain a wildcard", "hostname");
    return undefined;
  }
  return { hostname, ...(isSystem ? {} : { authorities }) };
}

/** Only one name is requested and verified, so a certificate for other names looks like a wrong one. */
function checkName(from: Reader, hostname: string): void {
  const type = from.oneOf("type", ["Hostname", "URI"]);
  const name = from.string("hostname");
  from.string("uri");
  if (type === "Hostname" && name === hostname) return;
  const message = `\`subjectAltNames\` may only repeat the hostname: the certificate must be for "${hostname}"`;
  const remedy =
    "set `hostname` to a name in the endpoints' certificate, and remove `subjectAltNames`";
  from.report("error", "UMB0253", message, undefined, { remedy });
}
