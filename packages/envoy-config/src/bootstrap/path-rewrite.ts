import { withoutLastSlash } from "../rewritten-path.ts";
import type { RouteMatch, UrlRewrite } from "../topology.ts";
import type { EnvoyObject } from "./envoy-object.ts";

type PathRewrite = NonNullable<UrlRewrite["path"]>;

/** Puts another path in the place of the request's; the query stays. */
export function pathRewrite({ kind, value }: PathRewrite, match: RouteMatch): EnvoyObject {
  return kind === "replaceFullPath"
    ? regexRewrite("^/[^?]*", value)
    : prefixRewrite(match.path.value, value);
}

/**
 * Puts `value` in the place of a prefix of whole segments. Envoy replaces text: it knows nothing of the slash between
 * a segment and the next, which has to stand exactly once whatever of the two is the root.
 */
export function prefixRewrite(prefix: string, value: string): EnvoyObject {
  const from = withoutLastSlash(prefix);
  const to = withoutLastSlash(value);
  if (to === "") return from === "" ? {} : regexRewrite(`^${escaped(from)}/*`, "/");
  return { prefix_rewrite: from === "" ? `${to}/` : to };
}

function regexRewrite(regex: string, substitution: string): EnvoyObject {
  return {
    regex_rewrite: {
      pattern: { regex },
      // A backslash would begin the number of a group.
      substitution: substitution.replaceAll("\\", "\\\\"),
    },
  };
}

/** Text as an expression that matches it alone. */
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
