import { routesOf } from "../queries.ts";
import type { Topology } from "../topology.ts";
import { type EnvoyObject, extension } from "./envoy-object.ts";
import { topologyHeaders } from "./ext-proc-filter.ts";
import { underscoreRefusal } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { setting } from "./setting.ts";

/** Documented headers with an underscore. */
const documented: readonly string[] = ["session_id"];

/** Header names with an underscore that are allowed: documented ones and those in the resources. */
function knownUnderscoreHeaders(topology: Topology): readonly string[] {
  const named = [
    ...topologyHeaders(topology),
    ...routesOf(topology).flatMap(({ match, session }) => [
      ...match.headers.map(({ name }) => name),
      ...(session?.kind === "header" ? [session.name] : []),
    ]),
  ];
  const known = named.map((name) => name.toLowerCase()).filter((name) => name.includes("_"));
  return [...new Set([...documented, ...known])].toSorted();
}

/**
 * Creates the filter that rejects requests with unknown underscore headers, or drops these headers. Envoy's own
 * setting has no exceptions, and none of its matchers checks all header names. Empty if all may pass.
 */
export function underscoreFilter(
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  const { underscores } = options;
  if (underscores === "Allow") return [];
  const known = knownUnderscoreHeaders(topology);
  const script = [
    `local known = {${known.map((name) => `[${luaText(name)}] = true`).join(", ")}}`,
    "function envoy_on_request(handle)",
    "  local found = {}",
    "  for name in pairs(handle:headers()) do",
    '    if name:find("_", 1, true) and not known[name] then table.insert(found, name) end',
    "  end",
    ...actions[underscores],
    "end",
    "",
  ].join("\n");
  return [
    extension("umbra.underscores", "envoy.extensions.filters.http.lua.v3.Lua", {
      default_source_code: setting(options, "underscores", () => ({ inline_string: script })),
    }),
  ];
}

const actions: Readonly<Record<"Reject" | "Drop", readonly string[]>> = {
  Reject: [
    "  if next(found) then",
    `    handle:streamInfo():dynamicMetadata():set(${luaText(underscoreRefusal.filter)}, ${luaText(underscoreRefusal.key)}, true)`,
    '    handle:respond({[":status"] = "400"}, "")',
    "  end",
  ],
  Drop: ["  for _, name in ipairs(found) do handle:headers():remove(name) end"],
};

/** Quotes a header name for Lua. Header names are tokens, so no character ends the string or starts an escape. */
function luaText(name: string): string {
  return `"${name.replaceAll(/[^!#$%&'*+.^_`|~\w-]/g, "")}"`;
}
