import { basename } from "node:path";
import { argumentsOf } from "./core.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { PickerDeployment } from "./resources.ts";

/** Reads a Deployment of the reference endpoint picker; undefined if no container has its arguments. */
export function readPickerDeployment(meta: Meta, spec: Reader): PickerDeployment | undefined {
  const pod = spec.map("template")?.map("spec");
  for (const container of pod?.maps("containers") ?? []) {
    const flags = flagsOf(argumentsOf(container));
    const [pool, file, text] = ["poolname", "configfile", "configtext"].map((name) =>
      flags.get(name),
    );
    if (pool === undefined || (file === undefined && text === undefined)) continue;
    const configMaps = (pod?.maps("volumes") ?? []).flatMap(
      (volume) => volume.map("configMap")?.string("name") ?? [],
    );
    return {
      ...{ name: meta.name, namespace: meta.namespace, place: meta.place, configMaps },
      pool: { namespace: flags.get("poolnamespace") ?? meta.namespace, name: pool },
      ...(file === undefined ? {} : { configFile: basename(file) }),
      ...(text === undefined ? {} : { configText: text }),
    };
  }
  return undefined;
}

/** Parses flags such as `--pool-name=x`, `--pool-name x` and the older `-poolName x`. Keys are lower case without dashes. */
function flagsOf(given: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>();
  for (const [i, each] of given.entries()) {
    const found = /^--?([A-Za-z-]+)(?:=([\s\S]*))?$/.exec(each);
    if (found === null) continue;
    const name = (found[1] ?? "").replaceAll("-", "").toLowerCase();
    const value = found[2] ?? given[i + 1];
    if (value !== undefined) flags.set(name, value);
  }
  return flags;
}
