import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Certificate } from "../certificate.ts";
import { conditionOf } from "../conditions.ts";
import { byResource } from "../resource-map.ts";
import { resourceName } from "../resource-ref.ts";
import type { Report } from "../resources/report.ts";
import type {
  CertificateRef,
  Gateway,
  GatewayListener,
  Resources,
  Secret,
} from "../resources/resources.ts";
import { tryOrUndefined } from "../try-or-undefined.ts";
import { mayRefer } from "./grants.ts";

export interface CertificateResolver {
  /** Returns the names of the usable Secrets, `<namespace>/<name>`. Reports the others. */
  resolve(gateway: Gateway, listener: GatewayListener): readonly string[];
  /** Every certificate that a listener uses, by Secret. */
  all(): ReadonlyMap<string, Certificate>;
}

interface Problem {
  readonly reason: "InvalidCertificateRef" | "RefNotPermitted";
  readonly message: string;
}

export function createCertificateResolver(
  { secrets, grants }: Resources,
  report: Report,
): CertificateResolver {
  const byName = byResource(secrets);
  const used = new Map<string, Certificate>();

  function certificateOf(ref: CertificateRef, gateway: Gateway): string | Problem {
    const namespace = ref.namespace ?? gateway.namespace;
    const secretRef = { namespace, name: ref.name };
    const name = resourceName(secretRef);
    if (ref.kind !== "Secret" || ref.group !== "") {
      return invalid(`a certificate of kind ${ref.kind.slice(0, 64)} is not supported`);
    }
    if (
      !mayRefer({ kind: "Gateway", namespace: gateway.namespace }, { ...ref, namespace }, grants)
    ) {
      const message = `no ReferenceGrant in namespace "${namespace}" allows Gateways in "${gateway.namespace}" to refer to Secret "${name}"`;
      return { reason: "RefNotPermitted", message };
    }
    const secret = byName.get(secretRef);
    if (secret === undefined) return invalid(`Secret "${name}" is not among the resources`);
    if (used.has(name)) return name;
    const read = pairIn(secret);
    if ("problem" in read) return invalid(`Secret "${name}" ${read.problem}`);
    used.set(name, read);
    return name;
  }

  return {
    resolve(gateway, listener) {
      const names = (listener.tls?.certificates ?? []).flatMap((ref) => {
        const found = certificateOf(ref, gateway);
        if (typeof found === "string") return found;
        const owner = { kind: "Gateway", ...gateway };
        const condition = {
          ...conditionOf(owner, "ResolvedRefs", found.reason),
          listener: listener.name,
        };
        report("warning", "UMB0223", ref.place, found.message, { condition });
        return [];
      });
      const { hostname } = listener;
      const isForNone =
        hostname !== undefined && !names.some((name) => isFor(used.get(name), hostname));
      if (names.length > 0 && isForNone) {
        const message = `no certificate of listener "${listener.name}" is valid for ${hostname}: clients will reject the connection`;
        report("warning", "UMB0228", listener.place, message);
      }
      if (names.length === 0 && (listener.tls?.certificates.length ?? 0) > 0) {
        const message = `listener "${listener.name}" is ignored: it has no usable certificate`;
        report("warning", "UMB0223", listener.place, message);
      }
      return [...new Set(names)];
    },
    all: () => used,
  };
}

function isFor(certificate: Certificate | undefined, hostname: string): boolean {
  // Clients don't request a wildcard, so test one name that it covers.
  const asked = hostname.replace(/^\*/, "any");
  const chain = certificate?.chain ?? "";
  return certificateIn(chain)?.checkHost(asked) !== undefined;
}

function invalid(message: string): Problem {
  return { reason: "InvalidCertificateRef", message };
}

/** Does not report OpenSSL's error messages: they may quote the certificate or key. */
function pairIn({ certificate, privateKey }: Secret): Certificate | { readonly problem: string } {
  if (certificate === undefined) return { problem: "has no `tls.crt`" };
  if (privateKey === undefined) return { problem: "has no `tls.key`" };
  const leaf = certificateIn(certificate);
  if (leaf === undefined) return { problem: "has no PEM certificate in `tls.crt`" };
  const key = tryOrUndefined(() => createPrivateKey(privateKey));
  if (key === undefined) return { problem: "has no PEM key without a password in `tls.key`" };
  if (!leaf.checkPrivateKey(key)) {
    return { problem: "has a key in `tls.key` that does not belong to its certificate" };
  }
  return { chain: certificate, privateKey };
}

/** Undefined if the text is not a certificate. */
export function certificateIn(pem: string): X509Certificate | undefined {
  return tryOrUndefined(() => new X509Certificate(pem));
}
