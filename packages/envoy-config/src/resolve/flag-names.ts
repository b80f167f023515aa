import { didYouMean } from "../nearest.ts";
import { isCalled, type ResourceRef, resourceName } from "../resource-ref.ts";
import type { Place, Report } from "../resources/report.ts";
import type { Gateway, Resources } from "../resources/resources.ts";
import type { Pool } from "../topology.ts";
import { listenerNames, shortestNames } from "./listener-names.ts";

/** Flag values about resources, by the name that the user gave. */
export type ResourceFlags = Readonly<
  Record<
    "endpoints" | "pickModes" | "metricsPlaces" | "pickers" | "listenerPorts",
    ReadonlyMap<string, unknown>
  >
>;

type Tell = (message: string, extras?: { readonly remedy?: string }) => void;

const commandLine: Place = { file: "command line", line: 1, column: 1 };

/** Checks that flags name existing resources, and each only once. While resources change, this is no error: they may still come. */
export function checkFlagNames(
  flags: ResourceFlags & {
    readonly isLive: boolean;
    readonly gatewayClass?: string | undefined;
  },
  { pools, gateways }: Pick<Resources, "pools" | "gateways">,
  made: readonly Pool[],
  report: Report,
): void {
  const severity = flags.isLive ? "warning" : "error";
  const tell: Tell = (message, extras) => report(severity, "UMB0207", commandLine, message, extras);
  const backends = made.map(refOf);
  const kinds = "neither an InferencePool nor a Service that a route refers to";
  const metricsFlags = "--metrics-path, --metrics-port or --metrics-scheme";
  checkNames("--endpoints", flags.endpoints, { resources: backends, kinds }, tell);
  checkNames("--pick-mode", flags.pickModes, { resources: backends, kinds }, tell);
  checkNames(metricsFlags, flags.metricsPlaces, { resources: backends, kinds }, tell);
  for (const name of flags.pickModes.keys()) {
    const called = made.filter((each) => isCalled(refOf(each), name));
    if (called.length === 0 || called.some(({ picker }) => picker === "umbra")) continue;
    const remedy =
      "remove the flag, or let Umbra pick: list the endpoints and remove the other picker";
    tell(`--pick-mode: Umbra does not pick in "${name}"`, { remedy });
  }
  const ofFiles = { resources: pools, kinds: "not an InferencePool" };
  checkNames("--picker", flags.pickers, ofFiles, tell);
  if (flags.gatewayClass !== undefined && gateways.length === 0) {
    const message = `--gateway-class: there is no Gateway of the class "${flags.gatewayClass}"`;
    tell(message, { remedy: "use the `gatewayClassName` of a Gateway" });
  }
  checkListenerNames([...flags.listenerPorts.keys()], gateways, tell);
}

function refOf({ namespace, resourceName: name }: Pool): ResourceRef {
  return { namespace, name };
}

/** Checks that each name belongs to a resource. A short name has no effect if all resources with that name are also given by their full name. */
function checkNames(
  flag: string,
  given: ReadonlyMap<string, unknown>,
  { resources, kinds }: { readonly resources: readonly ResourceRef[]; readonly kinds: string },
  tell: Tell,
): void {
  if (given.size === 0) return;
  const known = resources.flatMap((each) => [each.name, resourceName(each)]);
  const names = new Set(known);
  for (const name of given.keys()) {
    if (names.has(name)) continue;
    tell(`${flag}: "${name}" is ${kinds}`, meant(name, known));
  }
  for (const [short, all] of Map.groupBy(resources, ({ name }) => name)) {
    const full = [...new Set(all.map(resourceName))];
    if (!given.has(short) || !full.every((name) => given.has(name))) continue;
    const shown = full.slice(0, 10).map((name) => `"${name}"`);
    const message = `${flag} names a resource twice: as "${short}" and as ${shown.join(", ")}`;
    tell(message, { remedy: "remove one" });
  }
}

/** Checks that each name belongs to exactly one listener, and that each listener is named once. */
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
      tell(`--listener: there is no listener "${name}"`, meant(name, known));
    } else if (found.length > 1) {
      const remedy = `use one of ${found.slice(0, 10).map(shortest).join(", ")}`;
      tell(`--listener: several Gateways have a listener "${name}"`, { remedy });
    } else {
      const listener = shortest(first);
      const other = namedBy.get(listener);
      namedBy.set(listener, name);
      if (other === undefined) continue;
      const message = `--listener names a listener twice: as "${other}" and as "${name}"`;
      tell(message, { remedy: "remove one" });
    }
  }
}

function meant(name: string, known: readonly string[]): { readonly remedy?: string } {
  const some = [...new Set(known)].slice(0, 10).join(", ");
  const others = some === "" ? {} : { remedy: `use one of ${some}` };
  return { ...others, ...didYouMean(name, known, '"') };
}
