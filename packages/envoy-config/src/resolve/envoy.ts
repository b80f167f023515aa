import { compare } from "../compare.ts";
import { defaultEnvoySettings, type EnvoySettings } from "../envoy-settings.ts";
import { isSameResource, resourceName } from "../resource-ref.ts";
import type { Meta } from "../resources/meta.ts";
import type { Place, Report } from "../resources/report.ts";
import type { EnvoyProxy, Resources } from "../resources/resources.ts";
import type { EnvoyConfiguration } from "../topology.ts";

export interface ResolvedEnvoy {
  readonly configuration: EnvoyConfiguration;
  /** Where the EnvoySettings that hold are; absent where there are none. */
  readonly settingsPlace: Place | undefined;
  /** Where the EnvoyProxy that holds is; absent where none does. */
  readonly proxyPlace: Place | undefined;
  /** Where the operations of its patch stand. */
  readonly operationPlaces: readonly Place[];
}

/** What the resources and flags say of Envoy itself; flags win. */
export function resolveEnvoy(
  resources: Resources,
  flags: Partial<EnvoySettings>,
  report: Report,
): ResolvedEnvoy {
  const [held, ...others] = inOrder(resources.envoySettings);
  for (const other of others) tellSecond("EnvoySettings", other, held, report);
  const settings = { ...defaultEnvoySettings, ...held?.settings, ...flags };
  const proxy = heldProxy(resources, report);
  const { change, operationPlaces = [] } = proxy ?? {};
  return {
    configuration: { settings, ...(change === undefined ? {} : { bootstrap: change }) },
    settingsPlace: held?.place,
    proxyPlace: proxy?.place,
    operationPlaces,
  };
}

/** A Gateway's own EnvoyProxy, else its class's; where none is named, the only one there is. */
function heldProxy(
  { envoyProxies, parametersRefs }: Resources,
  report: Report,
): EnvoyProxy | undefined {
  const ofGateways = parametersRefs.filter(({ by }) => by === "Gateway");
  const refs = ofGateways.length > 0 ? ofGateways : parametersRefs;
  const named: EnvoyProxy[] = [];
  for (const { name, namespace, place } of refs) {
    const proxy = envoyProxies.find((each) => isSameResource(each, { namespace, name }));
    if (proxy === undefined) {
      const message = `parametersRef names the EnvoyProxy "${resourceName({ namespace, name })}", which is not in the files`;
      report("error", "UMB0241", place, message);
    } else if (!named.includes(proxy)) named.push(proxy);
  }
  const [held, ...others] = refs.length > 0 ? named : inOrder(envoyProxies);
  for (const other of others) tellSecond("EnvoyProxy", other, held, report);
  for (const proxy of envoyProxies) {
    if (proxy === held || others.includes(proxy)) continue;
    const message = `EnvoyProxy "${resourceName(proxy)}" holds for no Gateway of the files`;
    report("warning", "UMB0244", proxy.place, message);
  }
  return held;
}

function inOrder<T extends Meta>(resources: readonly T[]): readonly T[] {
  return resources.toSorted((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
}

function tellSecond(kind: string, second: Meta, held: Meta | undefined, report: Report): void {
  const message = `${kind} "${resourceName(second)}" has no effect: there is one Envoy, and "${held === undefined ? "" : resourceName(held)}" holds for it`;
  report("error", "UMB0240", second.place, message);
}
