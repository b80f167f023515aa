import type { Reader } from "./reader.ts";

const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const precise = new RegExp(`^${label}(?:\\.${label})*$`);

/** Reads a hostname in lower case. With `isPrecise`, it must not be a wildcard. Reports an invalid one and returns undefined. */
export function readHostname(
  from: Reader,
  key: string,
  { isPrecise = false }: { readonly isPrecise?: boolean } = {},
): string | undefined {
  const given = from.string(key) || undefined;
  return given && checkedHostname(from, given, key, isPrecise);
}

export function readHostnames(from: Reader, key: string): readonly string[] {
  return from.strings(key).flatMap((name) => checkedHostname(from, name, key, false) ?? []);
}

function checkedHostname(
  at: Reader,
  given: string,
  key: string,
  isPrecise: boolean,
): string | undefined {
  const name = given.toLowerCase();
  const bare = !isPrecise && name.startsWith("*.") ? name.slice(2) : name;
  if (name.length <= 253 && precise.test(bare) && !/^[\d.]+$/.test(bare)) return name;
  const wanted = `a hostname such as chat.example.com${isPrecise ? "" : " or *.example.com"}`;
  at.wrong(`\`${given.slice(0, 64)}\` is not ${wanted}`, key);
  return undefined;
}
