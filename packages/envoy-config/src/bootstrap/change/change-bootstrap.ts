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
  switch (change?.kind) {
    case undefined:
      return { bootstrap: rendered, problems: [] };
    case "merge":
      return { bootstrap: merge(rendered, change.value), problems: [] };
    case "replace":
      return { bootstrap: replace(rendered, change.value), problems: [] };
    case "patch": {
      let bootstrap: Plain = rendered;
      const problems: { index: number; message: string }[] = [];
      for (const [index, operation] of change.operations.entries()) {
        const patched = patch(bootstrap, operation);
        if (patched.ok) bootstrap = patched.value;
        else problems.push({ index, message: patched.message });
      }
      return { bootstrap, problems };
    }
  }
}

/** What listeners and clusters can't be without. The rest of the bootstrap is around them. */
const needed = ["layered_runtime", "bootstrap_extensions", "static_resources"] as const;

/**
 * Puts the listeners and clusters into another bootstrap. Envoy Gateway sends its own by xDS, so that there a bootstrap
 * can be replaced whole; here they are part of it.
 */
function replace(rendered: PlainMap, frame: PlainMap): Plain {
  const kept = needed.flatMap((field) => {
    const value = rendered[field];
    return value === undefined ? [] : [[field, value] as const];
  });
  const around = ["node", "admin"].flatMap((field) => {
    const value = rendered[field];
    return isMap(frame[field]) || value === undefined ? [] : [[field, value] as const];
  });
  return merge({ ...frame, ...Object.fromEntries(around) }, Object.fromEntries(kept));
}
