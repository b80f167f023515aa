import { expect, test } from "@jest/globals";
import type { Kind, Snapshot } from "@umbra/xds";
import { Session } from "@umbra/xds/internal";
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
