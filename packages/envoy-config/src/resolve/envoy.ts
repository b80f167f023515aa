import { compare } from "../compare.ts";
import { defaultEnvoySettings, type EnvoySettings } from "../envoy-settings.ts";
import { isSameResource, resourceName } from "../resource-ref.ts";
import type { Meta } from "../resources/meta.ts";
import type { Place, Report } from "../resources/report.ts";
import type { EnvoyProxy, Resources } from "../resources/resources.ts";
import type { EnvoyConfiguration } from "../topology.ts";

export interface ResolvedEnvoy {
  readonly configuration: EnvoyConfiguration;
  /** The place of the EnvoySettings that applies; absent if there is none. */
  readonly settingsPlace: Place | undefined;
  /** The place of the EnvoyProxy that applies; absent if there is none. */
  readonly proxyPlace: Place | undefined;
  /** The places of its patch operations. */
  readonly operationPlaces: readonly Place[];
}

/** Resolves the configuration of Envoy itself. Flags override resources. */
export function resolveEnvoy(
  resources: Resources,
  flags: Partial<EnvoySettings>,
  report: Report,
): ResolvedEnvoy {
  const [held, ...others] = inOrder(resources.envoySettings);
  for (const other of others) reportDuplicate("EnvoySettings", other, held, report);
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

/** Returns the Gateway's EnvoyProxy, else its class's. If none is referred to, returns the only one. */
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
      const message = `parametersRef refers to EnvoyProxy "${resourceName({ namespace, name })}", which is not among the resources`;
      report("error", "UMB0241", place, message);
    } else if (!named.includes(proxy)) named.push(proxy);
  }
  const [held, ...others] = refs.length > 0 ? named : inOrder(envoyProxies);
  for (const other of others) reportDuplicate("EnvoyProxy", other, held, report);
  for (const proxy of envoyProxies) {
    if (proxy === held || others.includes(proxy)) continue;
    const message = `no Gateway uses EnvoyProxy "${resourceName(proxy)}"`;
    report("warning", "UMB0244", proxy.place, message);
  }
  return held;
}

function inOrder<T extends Meta>(resources: readonly T[]): readonly T[] {
  return resources.toSorted((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
}

function reportDuplicate(kind: string, second: Meta, held: Meta | undefined, report: Report): void {
  const message = `${kind} "${resourceName(second)}" has no effect: there is only one Envoy, which uses "${held === undefined ? "" : resourceName(held)}"`;
  report("error", "UMB0240", second.place, message);
}
