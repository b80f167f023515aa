import { hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";

/** Keys that all peers derive from their shared secret. */
export interface PeerKeys {
  /** Pre-shared key of the connections between peers. */
  readonly connection: Uint8Array;
  /** Key of the hashes of requests and sessions, so that these have one name on all peers. */
  readonly samples: string;
  /** Seed of the hashes of prompts. */
  readonly promptSeed: number;
}

const minSecretBytes = 32;
const maxSecretBytes = 4_096;

/**
 * Reads the shared secret of the peers: 32 to 4,096 bytes, without the white space around them.
 *
 * @throws Error if the file can't be read or the secret is too short or too long
 */
export function readPeerKeys(file: string): PeerKeys {
  const secret = readFileSync(file, "latin1").trim();
  if (secret.length < minSecretBytes || secret.length > maxSecretBytes) {
    throw new Error(
      `the secret in ${file} has ${secret.length} bytes: give ${minSecretBytes} to ${maxSecretBytes} random ones, for example from \`openssl rand -base64 32\``,
    );
  }
  return derivePeerKeys(secret);
}

/** Derives the keys. One of them tells nothing about another or the secret. */
export function derivePeerKeys(secret: string): PeerKeys {
  const derived = (purpose: string) =>
    Buffer.from(hkdfSync("sha256", Buffer.from(secret, "latin1"), "", `umbra ${purpose}`, 32));
  return {
    connection: derived("connections"),
    samples: derived("samples").toString("hex"),
    promptSeed: derived("prompts").readInt32LE(0),
  };
}
