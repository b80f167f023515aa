import type { Reader } from "./reader.ts";
import type { PickerConfigResource } from "./resources.ts";

const groups: ReadonlySet<string> = new Set(["llm-d.ai", "inference.networking.x-k8s.io"]);

export function isPickerConfig(group: string, kind: string): boolean {
  return kind === "EndpointPickerConfig" && groups.has(group);
}

/** Reads the configuration unchecked: the scheduler checks its plugins. */
export function readPickerConfigResource(root: Reader): PickerConfigResource {
  const metadata = root.map("metadata");
  const name = metadata?.string("name");
  const namespace = metadata?.string("namespace") ?? "default";
  return {
    pool: name === undefined ? undefined : { namespace, name },
    value: root.asJson(),
    place: root.place("kind"),
    placeOf: (path) => root.placeAt(path),
  };
}
