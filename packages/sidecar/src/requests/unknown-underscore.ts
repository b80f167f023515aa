import { type Headers, underscoredNames } from "@umbra/ext-proc";

/**
 * Whether a header has an underscore in its name that is to have none: many servers take `a_b` for `a-b`.
 *
 * @param known those that may pass, comma separated; undefined: all may
 */
export function hasUnknownUnderscore(headers: Headers, known: string | undefined): boolean {
  if (known === undefined) return false;
  const names = underscoredNames(headers);
  if (names.length === 0) return false;
  const mayPass = new Set(known.split(","));
  return names.some((name) => !mayPass.has(name));
}
