import { isIP } from "node:net";
import { readHostname } from "./hostname.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { BackendTlsPolicy } from "./resources.ts";

/** `gateway.networking.k8s.io` BackendTLSPolicy, v1 and v1alpha3. */
export function readBackendTlsPolicy(meta: Meta, spec: Reader): BackendTlsPolicy | undefined {
  const targets = spec.maps("targetRefs").flatMap((ref) => {
    const name = ref.required("name");
    const kind = ref.required("kind");
    if (!ref.has("group") && ref.string("group") === undefined)
      ref.report("error", "UMB0103", '`group` is missing; a Service is of the group `""`');
    const group = ref.string("group") ?? "";
    const sectionName = ref.string("sectionName");
    const place = ref.place("name");
    ref.warnUnknown();
    return name === undefined || kind === undefined
      ? []
      : [{ group, kind, name, sectionName, place }];
  });
  if (!spec.has("targetRefs")) spec.report("error", "UMB0103", "`targetRefs` is missing");
  const validation = spec.map("validation");
  if (!spec.has("validation")) spec.report("error", "UMB0103", "`validation` is missing");
  if (spec.has("options")) {
    spec.report("warning", "UMB0208", "`options` are not supported: they are left out", "options");
  }
  spec.warnUnknown();
  if (validation === undefined) return undefined;
  const read = readValidation(validation);
  return read === undefined ? undefined : { ...meta, targets, ...read };
}

type Validation = Pick<BackendTlsPolicy, "hostname" | "authorities">;

function readValidation(from: Reader): Validation | undefined {
  const hostname = readHostname(from, "hostname");
  if (!from.has("hostname")) from.report("error", "UMB0103", "`hostname` is missing");
  const isSystem = from.oneOf("wellKnownCACertificates", ["System"]) !== undefined;
  const authorities = from.maps("caCertificateRefs").flatMap((ref) => {
    const name = ref.required("name");
    const kind = ref.required("kind");
    const group = ref.string("group") ?? "";
    const place = ref.place("name");
    ref.warnUnknown();
    return name === undefined || kind === undefined ? [] : [{ group, kind, name, place }];
  });
  const hasRefs = from.has("caCertificateRefs") && authorities.length > 0;
  if (isSystem === hasRefs) {
    const message =
      "`validation` must have either `caCertificateRefs` or `wellKnownCACertificates`";
    from.report("error", "UMB0104", message);
  }
  if (hostname !== undefined) checkNames(from, hostname);
  from.warnUnknown();
  if (hostname === undefined || isSystem === hasRefs) return undefined;
  if (hostname.startsWith("*") || isIP(hostname) !== 0) {
    from.report("error", "UMB0104", "`hostname` must be a name without a wildcard", "hostname");
    return undefined;
  }
  return { hostname, ...(isSystem ? {} : { authorities }) };
}

/** One name is asked for and verified: a certificate for other names can't be told from a wrong one. */
function checkNames(from: Reader, hostname: string): void {
  for (const each of from.maps("subjectAltNames")) {
    const type = each.oneOf("type", ["Hostname", "URI"]);
    const name = each.string("hostname");
    each.string("uri");
    each.warnUnknown();
    if (type === "Hostname" && name === hostname) continue;
    const message = `\`subjectAltNames\` may only repeat the hostname: the certificate is verified to be for "${hostname}"`;
    each.report("error", "UMB0253", message, undefined, {
      remedy:
        "make `hostname` a name that the endpoints' certificate carries, and leave `subjectAltNames` out",
    });
  }
}
