import { isIP } from "node:net";
import { defined } from "@umbra/shadow/defined";
import type { JsonMap } from "../json-map.ts";
import { socketName } from "../names.ts";
import { ResourceMap } from "../resource-map.ts";
import { resourceName } from "../resource-ref.ts";
import type { Gateway, GatewayListener } from "../resources/resources.ts";
import type { Told } from "../resources/told-conditions.ts";
import type { RouteAttachment } from "../route-attachment.ts";
import { type Condition, condition, good, toldCondition } from "./condition.ts";
import type { ListenerState, LiveFacts, ObjectStatus, StatusSources } from "./status-facts.ts";

const group = "gateway.networking.k8s.io";

/** Returns the statuses of the Gateways, with those of their listeners. */
export function gatewayStatuses(facts: StatusSources, live: LiveFacts): readonly ObjectStatus[] {
  const counts = attachedRoutes(facts.attachments);
  const stateOf = listenerStates(facts, live);
  return facts.resources.gateways.map((gateway) => {
    const { namespace, name, generation } = gateway;
    const told = facts.told.about({ kind: "Gateway", namespace, name });
    const attached = counts.get(gateway);
    const served = gateway.listeners.map((listener) => {
      const count = attached?.get(listener.name)?.size ?? 0;
      return listenerStatus(listener, told, count, stateOf(gateway, listener));
    });
    const other = gateway.otherListeners.map((each) => otherListener(each, told));
    return {
      of: { group, kind: "Gateway", namespace, name },
      ...defined({ generation }),
      own: {
        ...addressesOf(facts.addresses.get(gateway)),
        listeners: [...served, ...other].map(({ state: _, ...each }) => each as JsonMap),
        conditions: conditionsOf(gateway, told, [...served, ...other]),
      },
    };
  });
}

/** `not served`, or what Envoy says about it; `pending`: nothing yet. */
type ServedState = ListenerState | { readonly kind: "not served" | "pending" };

interface ListenerStatus {
  readonly name: string;
  readonly supportedKinds: readonly JsonMap[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
  readonly state: ServedState["kind"];
}

/** Routes by listener, of each Gateway. Each route counts once. */
function attachedRoutes(
  attachments: readonly RouteAttachment[],
): ResourceMap<Map<string, Set<string>>> {
  const counts = new ResourceMap<Map<string, Set<string>>>();
  for (const { parent, listener, isAccepted, route } of attachments) {
    if (!isAccepted || listener === undefined) continue;
    const byListener = counts.take(parent.gateway, () => new Map());
    const routes = byListener.get(listener) ?? new Set();
    byListener.set(listener, routes.add(resourceName(route)));
  }
  return counts;
}

/** Returns a function that finds what Envoy says about a Gateway's listener, or about the routes of its hostname. */
function listenerStates(
  { addresses, ports }: StatusSources,
  live: LiveFacts,
): (gateway: Gateway, listener: GatewayListener) => ServedState {
  return (gateway, listener) => {
    const port = ports.get(listener);
    const address = addresses.get(gateway);
    if (port === undefined || address === undefined) return { kind: "not served" };
    const socket = socketName({ address, port });
    const routes = live.listeners.get(`${socket}/${listener.hostname ?? "*"}`);
    return routes ?? live.listeners.get(socket) ?? { kind: "pending" };
  };
}

function listenerStatus(
  { name, takesHttpRoutes, isBroken }: GatewayListener,
  told: readonly Told[],
  count: number,
  state: ServedState,
): ListenerStatus {
  const conflict = toldCondition(told, "Conflicted", name);
  const accepted =
    conflict !== undefined
      ? condition("Accepted", "False", conflict.reason, conflict.message)
      : isBroken
        ? condition("Accepted", "False", "Invalid", "the listener has an error")
        : good("Accepted");
  return {
    name,
    supportedKinds: takesHttpRoutes ? [{ group, kind: "HTTPRoute" }] : [],
    attachedRoutes: count,
    conditions: [
      accepted,
      programmed(accepted, state),
      toldCondition(told, "ResolvedRefs", name) ?? good("ResolvedRefs"),
      conflict ?? condition("Conflicted", "False", "NoConflicts"),
    ],
    state: state.kind,
  };
}

/** A listener with a protocol that is not supported. */
function otherListener(name: string, told: readonly Told[]): ListenerStatus {
  const accepted =
    toldCondition(told, "Accepted", name) ?? condition("Accepted", "False", "UnsupportedProtocol");
  return {
    ...{ name, supportedKinds: [], attachedRoutes: 0 },
    conditions: [
      accepted,
      programmed(accepted, { kind: "not served" }),
      good("ResolvedRefs"),
      condition("Conflicted", "False", "NoConflicts"),
    ],
    state: "not served",
  };
}

function programmed(accepted: Condition, state: ServedState): Condition {
  const message = accepted.message === "" ? "the listener is not served" : accepted.message;
  const invalid = condition("Programmed", "False", "Invalid", message);
  if (accepted.status !== "True") return invalid;
  switch (state.kind) {
    case "accepted":
      return good("Programmed");
    case "refused":
      return condition("Programmed", "False", "Invalid", state.message);
    case "pending":
      return condition("Programmed", "Unknown", "Pending", waiting);
    case "not served":
      return invalid;
  }
}

const waiting = "Envoy has not answered yet";

function conditionsOf(
  gateway: Gateway,
  told: readonly Told[],
  listeners: readonly ListenerStatus[],
): readonly Condition[] {
  const valid = listeners.filter(({ conditions: [first] }) => first?.status === "True");
  const message = "a listener is not valid: see its conditions";
  const accepted =
    toldCondition(told, "Accepted") ??
    (gateway.isBroken || valid.length === 0
      ? condition("Accepted", "False", gateway.isBroken ? "Invalid" : "ListenersNotValid", message)
      : valid.length < listeners.length
        ? condition("Accepted", "True", "ListenersNotValid", message)
        : good("Accepted"));
  return [accepted, programmedGateway(accepted, told, listeners)];
}

function programmedGateway(
  accepted: Condition,
  told: readonly Told[],
  listeners: readonly ListenerStatus[],
): Condition {
  const refused = toldCondition(told, "Programmed");
  if (refused !== undefined) return refused;
  const states = new Set(listeners.map(({ state }) => state));
  if (accepted.status === "True") {
    if (states.has("accepted")) return good("Programmed");
    if (states.has("pending")) return condition("Programmed", "Unknown", "Pending", waiting);
  }
  return condition("Programmed", "False", "Invalid", "no listener is served");
}

/** Clients can't send to an address that means all addresses of a machine. */
function addressesOf(address: string | undefined): JsonMap {
  const isOne = address !== undefined && address !== "0.0.0.0" && address !== "::";
  return isOne && isIP(address) > 0
    ? { addresses: [{ type: "IPAddress", value: address }] }
    : { addresses: [] };
}
