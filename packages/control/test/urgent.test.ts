import { describe, expect, test } from "@jest/globals";
import type { ObjectChange } from "@umbra/control";
import { createConfigurer } from "@umbra/control/internal";
import { createResourceStore, type JsonObject } from "@umbra/envoy-config";
import { parseAllDocuments } from "yaml";
import { gateway, pods, route } from "./fixtures.ts";

const put = (text: string): readonly ObjectChange[] =>
  parseAllDocuments(text).map((document) => ({
    type: "put",
    object: document.toJS() as JsonObject,
  }));

const gatewayClass = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: umbra }
spec: { controllerName: umbra.dev/gateway }
`;

/** The Pods of `pods`, of which those at `notReady` are not ready. */
function podChanges(addresses: readonly string[], notReady: readonly string[]) {
  const states = Object.fromEntries(addresses.map((address) => [address, "ready" as const]));
  return put(pods(states)).map((change) => {
    if (change.type !== "put" || change.object.kind !== "Pod") return change;
    const { podIP } = change.object.status as { readonly podIP: string };
    if (!notReady.includes(podIP)) return change;
    const status = { podIP, conditions: [{ type: "Ready", status: "False" }] };
    return { ...change, object: { ...change.object, status } };
  });
}

/** Serves a route to a pool of Pods. */
function served(addresses: readonly string[]) {
  const store = createResourceStore({ isLive: true, hasAllPods: true });
  const configurer = createConfigurer({ store, rendering: {}, ownInterfaces: [] });
  configurer.takeObjects([
    ...[gatewayClass, gateway, route()].flatMap(put),
    ...podChanges(addresses, []),
  ]);
  const first = configurer.draft();
  if (first === undefined) throw new Error("there is nothing to serve");
  configurer.publish(first, 0);
  return configurer;
}

describe("a change of endpoints alone", () => {
  test.each([
    { name: "one of two Pods leaves", notReady: ["10.0.0.1"] },
    { name: "the last Pod leaves, which is a finding too", notReady: ["10.0.0.1", "10.0.0.2"] },
  ])("goes out at once: $name, and comes back", ({ notReady }) => {
    const addresses = ["10.0.0.1", "10.0.0.2"];
    const configurer = served(addresses);
    for (const away of [notReady, []]) {
      configurer.takeObjects(podChanges(addresses, away));
      const draft = configurer.draft();
      expect(draft?.isOfEndpoints).toBe(true);
      if (draft !== undefined) configurer.publish(draft, 0);
    }
  });
});
