import { hostname } from "node:os";
import type { Certificates } from "@umbra/grpc";

const year = 365 * 24 * 3_600_000;

/** Creates a self-signed certificate, valid for ten years. It encrypts but proves no identity. */
export async function selfSigned(): Promise<Certificates> {
  // Loaded on demand, because it takes half a second.
  const { generate } = await import("selfsigned");
  const now = Date.now();
  const { cert, private: key } = await generate([{ name: "commonName", value: "umbra" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    // Starts in the past, so that a slow clock does not reject it.
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now + 10 * year),
    extensions: [
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 2, value: hostname() },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  return { cert, key };
}
