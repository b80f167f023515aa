import type { Reader } from "./reader.ts";

const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const label = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
/**
 * Names as Kubernetes requires them for resources: RFC 1123, but with parts of any length between the dots. Umbra's own
 * names separate them by slashes and commas.
 */
const subdomainPattern = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`);

/** Reads the name of a resource or listener. Reports a name that Kubernetes would reject and returns undefined. */
export function resourceName(from: Reader, key: string): string | undefined {
  const name = from.required(key);
  if (name === undefined || subdomainPattern.test(name)) return name;
  return wrong(from, key, "a-z, 0-9, - and ., with at most 253 characters");
}

/** Reads the namespace; `default` if there is none. */
export function namespaceOf(from: Reader): string | undefined {
  const name = from.string("namespace") ?? "default";
  if (labelPattern.test(name)) return name;
  return wrong(from, "namespace", "a-z, 0-9 and -, with at most 63 characters");
}

function wrong(from: Reader, key: string, of: string): undefined {
  const message = `\`${key}\` must consist of ${of}, and begin and end with a letter or digit`;
  from.wrong(message, key, "rename it");
  return undefined;
}
