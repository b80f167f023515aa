import { didYouMean } from "../nearest.ts";
import { isCalled, type ResourceRef, resourceName } from "../resource-ref.ts";
import type { Place, Report } from "../resources/report.ts";
import type { Gateway, Resources } from "../resources/resources.ts";
import type { Pool } from "../topology.ts";
import { listenerNames, shortestNames } from "./listener-names.ts";

/** What flags say of resources, each by the name that the user gave it. */
export type ResourceFlags = Readonly<
  Record<
    "endpoints" | "pickModes" | "metricsPlaces" | "pickers" | "listenerPorts",
    ReadonlyMap<string, unknown>
  >
>;

type Tell = (message: string, extras?: { readonly remedy?: string }) => void;

const commandLine: Place = { file: "command line", line: 1, column: 1 };

/** Each flag names a resource that is there, and names it once. */
export function checkFlagNames(
  flags: ResourceFlags,
  { pools, gateways }: Pick<Resources, "pools" | "gateways">,
  made: readonly Pool[],
  report: Report,
): void {
  const tell: Tell = (message, extras) => report("error", "UMB0207", commandLine, message, extras);
  const backends = made.map(refOf);
  const kinds = "no InferencePool of the files and no Service that a route refers to";
  const metricsFlags = "--metrics-path, --metrics-port or --metrics-scheme";
  checkNames("--endpoints", flags.endpoints, { resources: backends, kinds }, tell);
  checkNames("--pick-mode", flags.pickModes, { resources: backends, kinds }, tell);
  checkNames(metricsFlags, flags.metricsPlaces, { resources: backends, kinds }, tell);
  for (const name of flags.pickModes.keys()) {
    const called = made.filter((each) => isCalled(refOf(each), name));
    if (called.length === 0 || called.some(({ picker }) => picker === "umbra")) continue;
    const remedy = "leave it out, or let Umbra pick: name the endpoints, and no other picker";
    tell(`--pick-mode names "${name}", and Umbra does not pick there`, { remedy });
  }
  const ofFiles = { resources: pools, kinds: "no InferencePool of the files" };
  checkNames("--picker", flags.pickers, ofFiles, tell);
  checkListenerNames([...flags.listenerPorts.keys()], gateways, tell);
}

function refOf({ namespace, resourceName: name }: Pool): ResourceRef {
  return { namespace, name };
}

/** Each name is one of the resources. A short name has no effect where each resource that has it is named in full too. */
function checkNames(
  flag: string,
  given: ReadonlyMap<string, unknown>,
  { resources, kinds }: { readonly resources: readonly ResourceRef[]; readonly kinds: string },
  tell: Tell,
): void {
  const known = resources.flatMap((each) => [each.name, resourceName(each)]);
  const names = new Set(known);
  for (const name of given.keys()) {
    if (names.has(name)) continue;
    tell(`${flag} names "${name}", which is ${kinds}`, meant(name, known));
  }
  for (const [short, all] of Map.groupBy(resources, ({ name }) => name)) {
    const full = [...new Set(all.map(resourceName))];
    if (!given.has(short) || !full.every((name) => given.has(name))) continue;
    const shown = full.slice(0, 10).map((name) => `"${name}"`);
    const message = `${flag} names one resource twice, as "${short}" and as ${shown.join(", ")}`;
    tell(message, { remedy: "leave one out" });
  }
}

/** Each name is that of one listener, and each listener is named once. */
function checkListenerNames(
  given: readonly string[],
  gateways: readonly Gateway[],
  tell: Tell,
): void {
  const all = gateways.flatMap((gateway) =>
    gateway.listeners.map((listener) => ({ gateway, listener })),
  );
  const namesOf = all.map((each) => listenerNames(each.gateway, each.listener));
  const shortest = shortestNames(all);
  const namedBy = new Map<string, string>();
  for (const name of given) {
    const found = all.filter((_, i) => namesOf[i]?.includes(name));
    const [first] = found;
    if (first === undefined) {
      const known = namesOf.flat();
      tell(`--listener names "${name}", which is no listener of the files`, meant(name, known));
    } else if (found.length > 1) {
      const remedy = `take one of ${found.slice(0, 10).map(shortest).join(", ")}`;
      tell(`--listener names "${name}", which several Gateways have`, { remedy });
    } else {
      const listener = shortest(first);
      const other = namedBy.get(listener);
      namedBy.set(listener, name);
      if (other === undefined) continue;
      const message = `--listener names one listener twice, as "${other}" and as "${name}"`;
      tell(message, { remedy: "leave one out" });
    }
  }
}

function meant(name: string, known: readonly string[]): { readonly remedy?: string } {
  const some = [...new Set(known)].slice(0, 10).join(", ");
  const others = some === "" ? {} : { remedy: `take one of those that are there: ${some}` };
  return { ...others, ...didYouMean(name, known, '"') };
}
