import { describe, expect, test } from "@jest/globals";
import { createAdsServer, createResource, snapshotOf } from "@umbra/xds";
import { type Form, type ReadAnswer, ScriptedClient } from "./scripted-client.ts";
import { snapshot } from "./snapshots.ts";

describe.each<Form>(["full", "delta"])("15: no answer has a name twice, %s", (form) => {
  test("though a client names it twice, also asks for all, and asks again before it replies", () => {
    const server = createAdsServer();
    server.update(snapshot({ cds: { a: "cluster a" }, eds: { a: "endpoints a" } }));
    const client = new ScriptedClient(server, form);
    client.say({ kind: "cds", node: "envoy-1", names: ["*", "a", "a"] });
    const [clusters] = client.taken();
    expect(clusters?.texts).toEqual(["cluster a"]);
    client.ack(clusters as ReadAnswer, ["*", "a", "a"]);
    client.say({ kind: "eds", names: ["a", "a"] });
    const [first] = client.taken();
    client.say({ kind: "eds", names: ["a", "a"] });
    client.ack(first as ReadAnswer, ["a", "a"]);
    const texts = [first, ...client.taken()].map((each) => each?.texts);
    expect(texts.every((each) => each?.join() === "endpoints a")).toBe(true);
  });

  test("though two resources of a snapshot have it: the last one counts", () => {
    const server = createAdsServer();
    const resources = ["first", "last"].map((text) => createResource("a", Buffer.from(text)));
    server.update(snapshotOf({ cds: resources }));
    const client = new ScriptedClient(server, form);
    client.say({ kind: "cds", node: "envoy-1" });
    expect(client.taken()[0]?.texts).toEqual(["last"]);
  });
});
