import { describe, expect, test } from "@jest/globals";
import { createAdsServer, type Snapshot } from "@umbra/xds";
import { type Form, type ReadAnswer, ScriptedClient } from "./scripted-client.ts";
import { snapshot, type Texts } from "./snapshots.ts";

const world = (eds: string): Texts => ({ cds: { a: "cluster a" }, eds: { a: eds } });

/** A client that has everything of a configuration. */
function atRest(form: Form) {
  const server = createAdsServer();
  let held: Snapshot | undefined;
  const update = (texts: Texts) => {
    held = snapshot(texts, held);
    server.update(held);
  };
  update(world("one"));
  const client = new ScriptedClient(server, form);
  for (const kind of ["cds", "eds", "lds", "rds"] as const) {
    client.say({ kind, node: "envoy-1", names: kind === "eds" ? ["a"] : [] });
    for (const answer of client.taken()) client.ack(answer, answer.kind === "eds" ? ["a"] : []);
  }
  return { server, client, update };
}

describe.each<Form>(["full", "delta"])("a client has the newest endpoints, %s", (form) => {
  test("once it has accepted them", () => {
    const { server, client, update } = atRest(form);
    expect(server.clients).toMatchObject([{ hasEndpoints: true }]);
    update(world("two"));
    expect(server.clients).toMatchObject([{ hasEndpoints: false }]);
    client.ack(client.taken()[0] as ReadAnswer, ["a"]);
    expect(server.clients).toMatchObject([{ hasEndpoints: true }]);
  });

  test("not while others are on their way, though it had the newest ones before", () => {
    const { server, client, update } = atRest(form);
    update(world("none"));
    update(world("one"));
    expect(server.clients).toMatchObject([{ hasEndpoints: false }]);
    client.ack(client.taken()[0] as ReadAnswer, ["a"]);
    expect(server.clients).toMatchObject([{ hasEndpoints: false }]);
    client.ack(client.taken()[0] as ReadAnswer, ["a"]);
    expect(server.clients).toMatchObject([{ hasEndpoints: true }]);
  });
});
