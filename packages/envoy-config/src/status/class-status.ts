import { defined } from "@umbra/shadow/defined";
import { controllerName } from "../resources/own-gateways.ts";
import type { GatewayClass } from "../resources/resources.ts";
import { condition, good } from "./condition.ts";
import type { LiveFacts, ObjectStatus } from "./status-facts.ts";
import { supportedFeatures } from "./supported-features.ts";

/** Returns the status of a GatewayClass. One of another controller, which a user chose by its name, keeps what it has. */
export function classStatus(
  { name, generation, controllerName: controller }: GatewayClass,
  { apiVersion }: LiveFacts,
): ObjectStatus {
  const of = { group: "gateway.networking.k8s.io", kind: "GatewayClass", name };
  if (controller !== controllerName) return { of, own: {} };
  const supported = apiVersion === undefined ? [] : [supportedVersion(apiVersion)];
  return {
    of,
    ...defined({ generation }),
    own: {
      conditions: [good("Accepted"), ...supported],
      supportedFeatures: supportedFeatures.map((name) => ({ name })),
    },
  };
}

/** The versions whose standard channel has everything that is read. */
const known = /^v1\.[1-6](\.|$)/;

function supportedVersion(version: string) {
  const shown = version.slice(0, 64);
  return known.test(version)
    ? good("SupportedVersion")
    : condition("SupportedVersion", "False", "UnsupportedVersion", `${shown} is not tested`);
}
