import type { BootstrapChange } from "../../topology.ts";
import type { Plain, PlainMap } from "../plain.ts";
import { patch } from "./json-patch.ts";
import { isMap, merge } from "./merge.ts";

export interface ChangedBootstrap {
  readonly bootstrap: Plain;
  /** Operations that could not be done, by their index. */
  readonly problems: readonly { readonly index: number; readonly message: string }[];
}

/** Makes of the rendered bootstrap what an EnvoyProxy asks for. */
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

/** What listeners and clusters can't be without. The rest of the bootstrap is around them. */
const needed = ["layered_runtime", "bootstrap_extensions", "static_resources"] as const;

/**
 * Puts the listeners and clusters into another bootstrap. Envoy Gateway sends its own by xDS, so that there a bootstrap
 * can be replaced whole; here they are part of it.
 */
function replace(rendered: PlainMap, frame: PlainMap): Plain {
  const picked = (fields: readonly string[]) =>
    Object.fromEntries(Object.entries(rendered).filter(([field]) => fields.includes(field)));
  const around = ["node", "admin"].filter((field) => !isMap(frame[field]));
  return merge({ ...frame, ...picked(around) }, picked(needed));
}
