import { underscoreHeaders } from "../header-names.ts";
import type { Topology } from "../topology.ts";
import { because, builtIn, type EnvoyObject, extension, typed } from "./envoy-object.ts";
import { underscoreRefusal } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { setting } from "./setting.ts";
import { unknownUnderscores } from "./underscore-pattern.ts";

/**
 * Creates the filter that rejects headers with an underscore, except known ones. Envoy's own setting has no exceptions,
 * and none of its matchers checks all header names. The script costs every request that it runs for, so routes whose
 * requests the sidecar checks turn it off. Empty if such headers are dropped or may pass.
 */
export function underscoreFilter(
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  if (options.underscores !== "Reject") return [];
  const { known } = underscoreHeaders(topology);
  const { filter, key } = underscoreRefusal;
  const script = [
    `local known = {${known.map((name) => `[${luaText(name)}] = true`).join(", ")}}`,
    "function envoy_on_request(handle)",
    "  local isRefused = false",
    "  for name in pairs(handle:headers()) do",
    '    if name:find("_", 1, true) and not known[name] then isRefused = true end',
    "  end",
    "  if isRefused then",
    `    handle:streamInfo():dynamicMetadata():set(${luaText(filter)}, ${luaText(key)}, true)`,
    '    handle:respond({[":status"] = "400"}, "")',
    "  end",
    "end",
    "",
  ].join("\n");
  return [
    extension(filter, "envoy.extensions.filters.http.lua.v3.Lua", {
      default_source_code: setting(options, "underscores", () => ({ inline_string: script })),
    }),
  ];
}

/** What a route has whose requests the sidecar looks at: no script. */
export function withoutUnderscoreFilter({ underscores }: BootstrapOptions): EnvoyObject {
  if (underscores !== "Reject") return {};
  const off = because("The sidecar refuses them: it looks at the names for less.", true);
  return {
    [underscoreRefusal.filter]: typed("envoy.config.route.v3.FilterConfig", { disabled: off }),
  };
}

/** Takes unknown headers with an underscore off, before a route is matched. */
export function droppedUnderscores(
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  if (options.underscores !== "Drop") return [];
  return [
    builtIn("http.early_header_mutation.header_mutation", "HeaderMutation", {
      mutations: setting(options, "underscores", () => [takeOff(topology)]),
    }),
  ];
}

/** The filter after the pick that takes off what no one has refused: the sidecar was not there, or is an older one. */
export function unrefusedUnderscores(
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  if (options.underscores !== "Reject" || options.plainMirror) return [];
  return [
    extension(
      "umbra.unrefused-underscores",
      "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
      {
        mutations: because(
          "What the sidecar has not looked at: it was not there, and its pools fail open.",
          { request_mutations: [takeOff(topology)] },
        ),
      },
    ),
  ];
}

function takeOff(topology: Topology): EnvoyObject {
  const regex = unknownUnderscores(underscoreHeaders(topology).known);
  return { remove_on_match: { key_matcher: { safe_regex: { regex } } } };
}

/** Quotes a header name for Lua. Header names are tokens, so no character ends the string or starts an escape. */
function luaText(name: string): string {
  return `"${name.replaceAll(/[^!#$%&'*+.^_`|~\w-]/g, "")}"`;
}
