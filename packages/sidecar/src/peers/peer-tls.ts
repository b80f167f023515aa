import type { SecureClientSessionOptions, SecureServerOptions } from "node:http2";
import type { PeerCertificate } from "node:tls";
import type { PeerKeys } from "./peer-keys.ts";

const identity = "umbra-peer";

/**
 * TLS 1.3 with a pre-shared key: both sides prove that they know the secret, nothing can be read or replayed, and no
 * certificates are needed. Without certificates there is no other way in.
 */
const common = {
  ciphers: "TLS_AES_128_GCM_SHA256",
  minVersion: "TLSv1.3",
  ALPNProtocols: ["h2"],
} as const;

export function peerServerTls({ connection }: PeerKeys): SecureServerOptions {
  return {
    ...common,
    ALPNProtocols: [...common.ALPNProtocols],
    pskCallback: (_socket, given) => (given === identity ? connection : null),
  };
}

export function peerClientTls({ connection }: PeerKeys): SecureClientSessionOptions {
  return {
    ...common,
    ALPNProtocols: [...common.ALPNProtocols],
    pskCallback: () => ({ psk: connection, identity }),
    // The key alone proves who answers: no authority is trusted, and a certificate means that the key was not used.
    ca: [],
    checkServerIdentity: (_host, certificate) => refuseCertificate(certificate),
  };
}

/** Without a certificate, Node passes an empty object, or nothing. */
function refuseCertificate(certificate: PeerCertificate | undefined): Error | undefined {
  const hasCertificate = certificate !== undefined && Object.keys(certificate).length > 0;
  return hasCertificate ? new Error("the peer has a certificate instead of the key") : undefined;
}
