import { withoutLastSlash } from "../rewritten-path.ts";
import type { RouteMatch, UrlRewrite } from "../topology.ts";
import type { EnvoyObject } from "./envoy-object.ts";

type PathRewrite = NonNullable<UrlRewrite["path"]>;

/** Replaces the request's path and keeps its query. */
export function pathRewrite({ kind, value }: PathRewrite, match: RouteMatch): EnvoyObject {
  return kind === "replaceFullPath"
    ? regexRewrite("^/[^?]*", value)
    : prefixRewrite(match.path.value, value);
}

/**
 * Replaces a prefix of whole path segments with `value`. Envoy only replaces text, so the expression must keep exactly
 * one slash between the prefix and the next segment, even if one of the two is the root.
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
      // A backslash would start a group reference.
      substitution: substitution.replaceAll("\\", "\\\\"),
    },
  };
}

/** Escapes text for use in a regular expression. */
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
