import type { Reader } from "./reader.ts";

const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const labelPattern = new RegExp(`^${label}$`);
/** Of RFC 1123, as Kubernetes takes them for names of resources: they stand between slashes and commas in ours. */
const subdomainPattern = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`);

/** The name of a resource or of a listener; undefined, with a diagnostic, where Kubernetes would not take it. */
export function resourceName(from: Reader, key: string): string | undefined {
  const name = from.required(key);
  if (name === undefined || subdomainPattern.test(name)) return name;
  return wrong(from, key, "a-z, 0-9, - and ., at most 63 characters between dots and 253 in all");
}

/** `default` where there is none. */
export function namespaceOf(from: Reader): string | undefined {
  const name = from.string("namespace") ?? "default";
  if (labelPattern.test(name)) return name;
  return wrong(from, "namespace", "a-z, 0-9 and -, at most 63 characters");
}

function wrong(from: Reader, key: string, of: string): undefined {
  const message = `\`${key}\` must be of ${of}, beginning and ending with a letter or digit`;
  from.wrong(message, key, "rename it");
  return undefined;
}
