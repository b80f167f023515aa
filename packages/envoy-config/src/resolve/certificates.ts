import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
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

type Pair = Certificate | { readonly problem: string };

/** An unchanged Secret is the same object again. */
const readPairs = new WeakMap<Secret, Pair>();

function pairIn(secret: Secret): Pair {
  const pair = readPairs.get(secret) ?? readPair(secret);
  readPairs.set(secret, pair);
  return pair;
}

/** Does not report OpenSSL's error messages: they may quote the certificate or key. */
function readPair({ certificate, privateKey }: Secret): Pair {
  if (certificate === undefined) return { problem: "has no `tls.crt`" };
  if (privateKey === undefined) return { problem: "has no `tls.key`" };
  const leaf = certificateIn(certificate);
  if (leaf === undefined) return { problem: "has no PEM certificate in `tls.crt`" };
  const key = tryOrUndefined(() => createPrivateKey(privateKey));
  if (key === undefined) return { problem: "has no PEM key without a password in `tls.key`" };
  if (!leaf.checkPrivateKey(key)) {
    return { problem: "has a key in `tls.key` that does not belong to its certificate" };
  }
  const problem = refusedKey(key) ?? brokenChain(certificate);
  return problem === undefined ? { chain: certificate, privateKey } : { problem };
}

const curvesByName: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** Says what Envoy refuses about a key; undefined if nothing. */
function refusedKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  const { modulusLength: bits = 0, namedCurve: curve = "" } = asymmetricKeyDetails ?? {};
  switch (asymmetricKeyType) {
    case "rsa":
      if (bits >= 2_048) return undefined;
      return `has an RSA key of ${bits} bits in \`tls.key\`: Envoy takes 2048 and more`;
    case "ec":
      if (curvesByName.has(curve)) return undefined;
      return `has a key of curve ${curve} in \`tls.key\`: Envoy takes P-256, P-384 and P-521`;
    case "ed25519":
      return undefined;
    default:
      return `has a key of type ${asymmetricKeyType} in \`tls.key\`: Envoy takes RSA, EC and Ed25519`;
  }
}

/** Says which certificate Envoy can't read; undefined if it can read all. */
function brokenChain(chain: string): string | undefined {
  const texts = chain.split(/(?=-----BEGIN CERTIFICATE-----)/);
  const certificates = texts.filter((text) => text.startsWith("-----BEGIN CERTIFICATE-----"));
  const broken = certificates.findIndex((text) => certificateIn(text) === undefined);
  if (broken < 0) return undefined;
  return `has a broken certificate in \`tls.crt\`: number ${broken + 1} of ${certificates.length}`;
}

/** Undefined if the text is not a certificate. */
export function certificateIn(pem: string): X509Certificate | undefined {
  return tryOrUndefined(() => new X509Certificate(pem));
}
