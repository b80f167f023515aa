import { hash } from "node:crypto";

/**
 * Place of an id in 0..1, the same on every replica for the same key. A share of `p` takes the ids below `p`: raising it
 * adds ids and drops none.
 */
export function shareOf(key: string, id: string): number {
  const digest = hash("sha256", `${key}\n${id}`, "buffer");
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

/** A name for an id that can't be turned back without the key; 16 hexadecimal digits. */
export function pseudonym(key: string, id: string): string {
  return hash("sha256", `${key}\n${id}`).slice(0, 16);
}
