import type { BootstrapChange } from "../../topology.ts";
import { isMap, type Plain, type PlainMap } from "../plain.ts";
import { patch } from "./json-patch.ts";
import { merge } from "./merge.ts";

export interface ChangedBootstrap {
  readonly bootstrap: Plain;
  /** Operations that failed, by index. */
  readonly problems: readonly { readonly index: number; readonly message: string }[];
}

/** Applies an EnvoyProxy's changes to the rendered bootstrap. */
export function changeBootstrap(
  rendered: PlainMap,
  change: BootstrapChange | undefined,
): ChangedBootstrap {
  if (change?.kind === "merge") return { bootstrap: merge(rendered, change.value), problems: [] };
  if (change?.kind === "replace")
    return { bootstrap: replace(rendered, change.value), problems: [] };
  let bootstrap: Plain = rendered;
  const problems: { index: number; message: string }[] = [];
  for (const [index, operation] of (change?.operations ?? []).entries()) {
    const patched = patch(bootstrap, operation);
    if (patched.ok) bootstrap = patched.value;
    else problems.push({ index, message: patched.message });
  }
  return { bootstrap, problems };
}

/** The fields that listeners and clusters need. A replacement provides all other fields. */
const needed = ["layered_runtime", "bootstrap_extensions", "static_resources"] as const;

/**
 * Adds the rendered listeners and clusters to another bootstrap. Envoy Gateway sends them by xDS, so its users can
 * replace the whole bootstrap; here they are part of the bootstrap.
 */
function replace(rendered: PlainMap, frame: PlainMap): Plain {
  const picked = (fields: readonly string[]) =>
    Object.fromEntries(Object.entries(rendered).filter(([field]) => fields.includes(field)));
  const around = ["node", "admin"].filter((field) => !isMap(frame[field]));
  return merge({ ...frame, ...picked(around) }, picked(needed));
}
