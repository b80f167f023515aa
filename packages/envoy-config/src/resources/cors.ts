import type { CorsPolicy } from "../topology.ts";
import { isHeaderName } from "./header-name.ts";
import type { Reader } from "./reader.ts";

/** Default time in seconds for which browsers cache the answer to a preflight. */
const defaultMaxAge = 5;

/** Reads a CORS filter. Calls `unsupported` for parts that can't be rendered. */
export function readCors(
  from: Reader,
  unsupported: (message: string, key: string) => void,
): CorsPolicy {
  const policy = {
    origins: from.strings("allowOrigins").filter((each) => isOrigin(from, each)),
    methods: names(from, "allowMethods"),
    headers: names(from, "allowHeaders"),
    exposedHeaders: names(from, "exposeHeaders"),
    allowsCredentials: from.boolean("allowCredentials") ?? false,
    maxAgeS: from.integer("maxAge", 1, 2 ** 31 - 1) ?? defaultMaxAge,
  };
  // With credentials, browsers treat `*` as a literal name, and the headers of an answer are not known in advance.
  if (policy.allowsCredentials && policy.exposedHeaders.includes("*")) {
    unsupported('`exposeHeaders: ["*"]` has no effect with `allowCredentials`', "exposeHeaders");
  }
  return policy;
}

/** The names are joined by commas in one header. */
function names(from: Reader, key: string): readonly string[] {
  const what = key.endsWith("Methods") ? "a method" : "a header";
  return from.strings(key).filter((name) => {
    const isName = isHeaderName(name);
    if (!isName) from.wrong(`\`${name.slice(0, 64)}\` is not a valid name of ${what}`, key);
    return isName;
  });
}

function isOrigin(from: Reader, origin: string): boolean {
  if (/^(?:\*|[a-z][a-z0-9+.-]*:\/\/(?:\*|(?:\*\.)?[a-z0-9.-]+)(?::\d{1,5})?)$/i.test(origin)) {
    return true;
  }
  const message = `\`${origin.slice(0, 64)}\` is not a valid origin, such as https://chat.example.com or https://*.example.com`;
  from.wrong(message, "allowOrigins");
  return false;
}
