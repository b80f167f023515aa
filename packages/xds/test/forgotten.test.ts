import { expect, test } from "@jest/globals";
import { createAdsServer, type Kind, type Snapshot } from "@umbra/xds";
import { Session } from "@umbra/xds/internal";
import { ScriptedClient } from "./scripted-client.ts";
import { snapshot } from "./snapshots.ts";

type Answers = ReturnType<Session["update"]>;

/** A client that takes everything, and asks for the endpoints of the clusters that it has. */
class Taker {
  readonly clusters = new Set<string>();
  readonly #session: Session;
  readonly #form: "full" | "delta";

  constructor(session: Session, form: "full" | "delta") {
    this.#session = session;
    this.#form = form;
  }

  say(kind: Kind, nonce = "", names: readonly string[] = [], unsubscribe: readonly string[] = []) {
    const change =
      this.#form === "full"
        ? { form: "full" as const, names, version: "" }
        : { form: "delta" as const, subscribe: names, unsubscribe, initialVersions: new Map() };
    this.take(this.#session.request({ kind, nonce, change }));
  }

  take(answers: Answers): void {
    for (const { kind, nonce, resources, removed } of answers) {
      const isFull = this.#form === "full";
      this.say(kind, nonce, isFull && kind === "eds" ? [...this.clusters] : []);
      if (kind !== "cds") continue;
      const before = [...this.clusters];
      const names = resources.map(({ name }) => name);
      if (isFull) this.clusters.clear();
      for (const name of names) this.clusters.add(name);
      for (const name of removed) this.clusters.delete(name);
      const added = [...this.clusters].filter((name) => !before.includes(name));
      const gone = before.filter((name) => !this.clusters.has(name));
      this.say("eds", "", isFull ? [...this.clusters] : added, gone);
    }
  }
}

test.each(["full", "delta"] as const)("%s: 200 replaced clusters leave nothing behind", (form) => {
  const none = () => new Map();
  const [cds, eds, sds, ecds, lds, rds] = [none(), none(), none(), none(), none(), none()];
  let nonces = 0;
  const session = new Session({
    protocol: form,
    accepted: { cds, eds, sds, ecds, lds, rds },
    maxNames: 100,
    nextNonce: () => String(++nonces),
  });
  const client = new Taker(session, form);
  client.say("cds");
  client.say("lds");
  let held: Snapshot | undefined;
  for (let i = 0; i < 200; i++) {
    const name = `c${i}`;
    held = snapshot({ cds: { [name]: `cluster ${i}` }, eds: { [name]: `endpoints ${i}` } }, held);
    client.take(session.update(held));
  }
  expect([...client.clusters]).toEqual(["c199"]);
  expect([cds, eds].map((map) => [...map.keys()])).toEqual([["c199"], ["c199"]]);
});

test.each([
  { minutes: 9, offered: ["listener a v1"] },
  { minutes: 11, offered: [] },
])(
  "what a client accepted is known for ten minutes: after $minutes, $offered is offered again",
  (of) => {
    let nowMs = 0;
    const server = createAdsServer({ now: () => nowMs });
    const connect = (version = "") => {
      const client = new ScriptedClient(server, "full");
      client.say({ kind: "lds", node: "envoy", version });
      return client;
    };
    const first = snapshot({ lds: { a: "listener a v1" } });
    server.update(first);
    const before = connect();
    const [accepted] = before.taken();
    if (accepted !== undefined) before.ack(accepted);
    before.close();
    nowMs = of.minutes * 60_000;
    server.update(snapshot({ lds: { a: "listener a v2 bad" } }, first));
    const client = connect(accepted?.version);
    const refuse = "Error adding/updating listener(s) a: bad";
    for (const each of client.taken()) client.nack(each, refuse);
    expect(client.taken().flatMap(({ texts }) => texts)).toEqual(of.offered);
  },
);
