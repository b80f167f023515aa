import { describe, expect, test } from "@jest/globals";
import { type ClientState, type Kind, type Resource, type Snapshot, snapshotOf } from "@umbra/xds";
import { ListenerReplies } from "../src/configuration/listener-replies.ts";

/** A snapshot with these versions of listeners, by name. */
function snapshotWith(versions: Readonly<Record<string, string>>): Snapshot {
  const lds = Object.entries(versions).map(
    ([name, version]): Resource => ({ name, version, value: new Uint8Array() }),
  );
  return snapshotOf({ lds, cds: [], eds: [], rds: [], sds: [], ecds: [] }, undefined);
}

function client(isUpToDate: boolean, refused: Readonly<Record<string, string>> = {}): ClientState {
  const rejections = Object.entries(refused).map(([name, version]) => ({
    ...{ kind: "lds" as Kind, name, version, message: `no ${name}` },
  }));
  return {
    nodeId: "e",
    isUpToDate,
    hasEndpoints: true,
    keepsOlderRoutes: false,
    silentSinceMs: 0,
    rejections,
    accepted: () => undefined,
    hasEarlierForm: () => undefined,
  };
}

describe("replies to listeners", () => {
  test("are there when every Envoy has replied", () => {
    const replies = new ListenerReplies();
    const snapshot = snapshotWith({ a: "1" });
    expect(replies.update(snapshot, [])).toBeUndefined();
    expect(replies.update(snapshot, [client(true), client(false)])).toBeUndefined();
    expect(replies.update(snapshot, [client(true), client(true)])).toEqual(
      new Map([["a", { version: "1" }]]),
    );
    expect(replies.update(snapshot, [client(true), client(true)])).toBeUndefined();
  });

  test("stay while others are on their way, and while no Envoy is connected", () => {
    const replies = new ListenerReplies();
    replies.update(snapshotWith({ a: "1" }), [client(true)]);
    const next = snapshotWith({ a: "1", b: "1" });
    expect(replies.update(next, [client(false)])).toBeUndefined();
    expect(replies.update(next, [])).toBeUndefined();
    expect([...(replies.update(next, [client(true)])?.keys() ?? [])]).toEqual(["a", "b"]);
  });

  test("are gone with the version that they were about", () => {
    const replies = new ListenerReplies();
    replies.update(snapshotWith({ a: "1" }), [client(true)]);
    expect(replies.update(snapshotWith({ a: "2" }), [client(false)])).toEqual(new Map());
  });

  test("have Envoy's words where one refuses the newest version", () => {
    const replies = new ListenerReplies();
    const snapshot = snapshotWith({ a: "2", b: "1" });
    const clients = [client(true, { a: "2", b: "0" }), client(true)];
    expect(replies.update(snapshot, clients)).toEqual(
      new Map([
        ["a", { version: "2", refusal: "no a" }],
        ["b", { version: "1" }],
      ]),
    );
  });
});
