import { describe, expect, test } from "@jest/globals";
import type { ListenerReply, ObjectChange, StatusChanges } from "@umbra/control";
import type { JsonObject } from "@umbra/envoy-config";
import { parse } from "yaml";
import { eventually, follow, gateway, keepWorkers, pool, route } from "./fixtures.ts";

const put = (text: string, generation = 1): ObjectChange => {
  const object = parse(text) as { metadata: object };
  return {
    type: "put",
    object: { ...object, metadata: { ...object.metadata, generation } } as JsonObject,
  };
};
const gatewayClass = put(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: umbra }
spec: { controllerName: umbra.dev/gateway }
`);
const all = [gatewayClass, put(gateway), put(pool(["10.0.0.1:8000"])), put(route())];
const nothing = { listeners: new Map<string, ListenerReply>(), verdicts: new Map() };

/** Follows objects, and keeps the statuses that are reported. */
async function followed(options: Parameters<typeof follow>[1] = {}) {
  const reports: StatusChanges[] = [];
  const objects: JsonObject[] = [];
  const given = follow([], {
    objects: () => objects,
    topology: { hasOnlyOwnGateways: true },
    onStatuses: (statuses) => void reports.push(statuses),
    ...options,
  });
  for (const each of all) if (each.type === "put") objects.push(each.object);
  given.source.take(all);
  given.source.synced();
  const first = await given.source.first;
  return { ...given, first, reports };
}

const kindsOf = ({ changed }: StatusChanges) => changed.map(({ of }) => of.kind).toSorted();

/** `Accepted=True Programmed=Unknown` of a Gateway's own conditions. */
function gatewayIn(reports: readonly StatusChanges[]): string | undefined {
  const status = reports
    .flatMap(({ changed }) => changed)
    .findLast(({ of }) => of.kind === "Gateway");
  const conditions = status?.own.conditions as readonly { type: string; status: string }[];
  return conditions?.map((each) => `${each.type}=${each.status}`).join(" ");
}

describe("statuses", () => {
  test("are reported only when someone asks: first all, then those that change", async () => {
    const { source, reports } = await followed();
    source.take([put(route({ path: "/v2" }), 2)]);
    source.serves(nothing);
    const first = await eventually(() => reports[0]);
    expect(first.isWhole).toBe(true);
    expect(kindsOf(first)).toEqual(["Gateway", "GatewayClass", "HTTPRoute", "InferencePool"]);
    source.take([put(route({ path: "/v3" }), 3)]);
    const second = await eventually(() => reports[1]);
    expect([second.isWhole, kindsOf(second)]).toEqual([false, ["HTTPRoute"]]);
    expect(second.changed[0]?.generation).toBe(3);
  });

  test("of an object that is gone are reported as gone", async () => {
    const { source, reports } = await followed();
    source.serves(nothing);
    await eventually(() => reports[0]);
    const id = { apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", name: "chat" };
    source.take([{ type: "gone", id }]);
    const { gone } = await eventually(() => reports.find((each) => each.gone.length > 0));
    expect(gone).toMatchObject([{ kind: "HTTPRoute", name: "chat" }]);
  });

  test("are reported again as a whole after a pause", async () => {
    const { source, reports } = await followed();
    source.serves(nothing);
    await eventually(() => reports[0]);
    source.serves(undefined);
    source.serves(nothing);
    const again = await eventually(() => reports[1]);
    expect([again.isWhole, again.changed]).toEqual([true, reports[0]?.changed]);
  });

  test("show how Envoys replied to a listener, but only to its newest version", async () => {
    const { source, first, reports } = await followed();
    const [listener] = first.snapshot?.lds.values() ?? [];
    const { name = "", version = "" } = listener ?? {};
    const replies = (reply: ListenerReply) => ({ ...nothing, listeners: new Map([[name, reply]]) });
    source.serves(replies({ version: "older" }));
    await eventually(() => reports[0]);
    expect(gatewayIn(reports)).toBe("Accepted=True Programmed=Unknown");
    source.serves(replies({ version }));
    await eventually(() => reports[1]);
    expect(gatewayIn(reports)).toBe("Accepted=True Programmed=True");
    source.serves(replies({ version, refusal: "duplicate address" }));
    await eventually(() => reports[2]);
    expect(gatewayIn(reports)).toBe("Accepted=True Programmed=False");
  });

  test("wait a little for Envoys to reply, so that they are written once", async () => {
    const { source, first, reports } = await followed();
    const [listener] = first.snapshot?.lds.values() ?? [];
    const { name = "", version = "" } = listener ?? {};
    source.serves(nothing);
    await new Promise((resolve) => setImmediate(resolve));
    source.serves({ ...nothing, listeners: new Map([[name, { version }]]) });
    await eventually(() => reports[0]);
    expect(reports).toHaveLength(1);
    expect(gatewayIn(reports)).toBe("Accepted=True Programmed=True");
  });

  test("show a route that Envoy refuses, in Envoy's words", async () => {
    const { source, reports, until } = await followed();
    source.accepted(1);
    source.serves(nothing);
    await eventually(() => reports[0]);
    source.take([put(route({ path: "/bad" }), 2)]);
    const { snapshot } = await until(({ generation }) => generation === 2);
    const [routes] = snapshot?.rds.values() ?? [];
    const { name = "", version = "" } = routes ?? {};
    source.refused({ kind: "rds", name, version, message: "no such cluster" });
    const refusal = await eventually(() =>
      reports
        .flatMap(({ changed }) => changed)
        .find((each) => JSON.stringify(each.shared ?? {}).includes("no such cluster")),
    );
    expect(refusal.shared?.entries).toMatchObject([
      { conditions: [{ type: "Accepted", status: "False", message: "no such cluster" }, {}] },
    ]);
  });

  test("are reported again as a whole by a thread that takes over", async () => {
    const { workers, startWorker } = keepWorkers();
    const { source, reports } = await followed({ startWorker });
    source.serves(nothing);
    await eventually(() => reports[0]);
    await workers[0]?.terminate();
    const again = await eventually(() => reports[1]);
    expect([again.isWhole, again.changed]).toEqual([true, reports[0]?.changed]);
  }, 60_000);
});
