import { hash } from "node:crypto";

/**
 * Maps an id to 0..1, the same in every process with the same key. A share of `p` selects the ids below `p`, so
 * raising it only adds ids.
 */
export function shareOf(key: string, id: string): number {
  const digest = hash("sha256", `${key}\n${id}`, "buffer");
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

/** A pseudonym of an id, which can't be reversed without the key; 16 hexadecimal digits. */
export function pseudonym(key: string, id: string): string {
  return hash("sha256", `${key}\n${id}`).slice(0, 16);
}
