import { expect, test } from "@jest/globals";
import { directTopology, trialListener } from "@umbra/envoy-config";
import { type AdsServer, createAdsServer, type Kind, kinds, type Snapshot } from "@umbra/xds";
import { ScriptedClient } from "../../xds/test/scripted-client.ts";
import { snapshot, type Texts } from "../../xds/test/snapshots.ts";
import {
  admitWithinMs,
  ConfigurationRollout,
  type Refusal,
  reconnectMs,
  retireWithinMs,
  silentAfterMs,
  unheardAfterMs,
} from "../src/configuration/configuration-rollout.ts";
import { createConfigurationState } from "../src/configuration/configuration-state.ts";

const topology = directTopology({ primary: ["127.0.0.1:9"], shadow: [], port: 80 });

/** A rollout on a fake clock, whose steps and messages are written down in order. */
function world() {
  const steps: string[] = [];
  const refusals: Refusal[] = [];
  const tried: string[] = [];
  let now = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  const ads: AdsServer = createAdsServer({
    now: () => now,
    observer: {
      refused: (...given) => rollout.observer.refused?.(...given),
      upToDate: (...given) => rollout.observer.upToDate?.(...given),
      changed: () => rollout.observer.changed?.(),
    },
  });
  const state = createConfigurationState(
    () => ads.clients,
    () => now,
  );
  const rollout = new ConfigurationRollout({
    serving: {
      begin: () => void steps.push("begin"),
      admitEndpoints: () => void steps.push("admit"),
      retire: () => void steps.push("retire"),
    },
    ads: {
      get clients() {
        return ads.clients;
      },
      update(given) {
        steps.push("publish");
        ads.update(given);
      },
    },
    state,
    now: () => now,
    wallClock: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    onRefused: (refusal) => void refusals.push(refusal),
    onTried: (version) => void tried.push(version),
    onAccepted: (generation) => void steps.push(`accepted ${generation}`),
  });
  let held: Snapshot | undefined;
  let generation = 0;
  return {
    ...{ ads, state, refusals, tried, rollout },
    taken: () => steps.splice(0),
    apply(texts: Texts) {
      held = snapshot(texts, held);
      generation++;
      const facts = { findings: [], staleFiles: [], objects: 1, changes: [], changedAtMs: now };
      rollout.apply({ ...facts, generation, topology, snapshot: held });
    },
    pass(ms: number) {
      for (const end = now + ms; now < end; ) {
        now = Math.min(end, now + 50);
        for (const timer of [...timers]) {
          if (timer.at > now) continue;
          timers.delete(timer);
          timer.run();
        }
      }
    },
  };
}

const names: Partial<Record<Kind, readonly string[]>> = { eds: ["a"], rds: ["r"] };

/** Asks for everything, as Envoy does. */
function connect(ads: AdsServer, node = "envoy"): ScriptedClient {
  const client = new ScriptedClient(ads, "full");
  for (const kind of kinds) client.say({ kind, node, names: names[kind] ?? [] });
  return client;
}

/** Accepts all answers until there are no more. */
function acceptAll(client: ScriptedClient): void {
  for (let taken = client.taken(); taken.length > 0; taken = client.taken()) {
    for (const answer of taken) client.ack(answer, names[answer.kind] ?? []);
  }
}

const first: Texts = { cds: { a: "a" }, eds: { a: "1" }, lds: { l: "l" }, rds: { r: "r" } };

test("without an Envoy all steps follow once one has had time to connect", () => {
  const { apply, taken, pass } = world();
  apply(first);
  apply({ ...first, cds: {}, eds: {} });
  expect(taken()).toEqual(["begin", "publish", "begin", "publish"]);
  pass(1_000);
  expect(taken()).toEqual(["admit"]);
  pass(3_000);
  expect(taken()).toEqual([]);
  pass(2_000);
  expect(taken()).toEqual(["retire"]);
  apply(first);
  expect(taken()).toEqual(["begin", "publish", "admit", "retire"]);
});

test("nothing is sent before the first configuration", () => {
  const { ads, taken } = world();
  const client = connect(ads);
  expect(client.taken()).toEqual([]);
  expect(taken()).toEqual([]);
});

test("new endpoints are picked once every Envoy has accepted them", () => {
  const { ads, apply, taken } = world();
  apply(first);
  const clients = [connect(ads, "one"), connect(ads, "two")];
  clients.forEach(acceptAll);
  taken();
  apply({ ...first, eds: { a: "1 2" } });
  expect(taken()).toEqual(["begin", "publish"]);
  acceptAll(clients[0] as ScriptedClient);
  expect(taken()).toEqual([]);
  acceptAll(clients[1] as ScriptedClient);
  expect(taken()).toEqual(["admit", "retire", "accepted 2"]);
});

test("new endpoints wait at most 250 ms, counted from the oldest change", () => {
  const { ads, apply, taken, pass } = world();
  apply(first);
  acceptAll(connect(ads));
  taken();
  apply({ ...first, eds: { a: "1 2" } });
  pass(admitWithinMs - 50);
  apply({ ...first, eds: { a: "1 2 3" } });
  expect(taken()).toEqual(["begin", "publish", "begin", "publish"]);
  pass(50);
  expect(taken()).toEqual(["admit"]);
});

test("what is gone is retired once every Envoy has the newest routes", () => {
  const { ads, apply, taken } = world();
  apply(first);
  const client = connect(ads);
  acceptAll(client);
  taken();
  apply({ ...first, rds: { r: "r2" } });
  expect(taken()).toEqual(["begin", "publish", "admit"]);
  acceptAll(client);
  expect(taken()).toEqual(["retire", "accepted 2"]);
});

test("a stopped Envoy delays the retirement until it has been silent for a minute", () => {
  const { ads, apply, taken, pass } = world();
  apply(first);
  acceptAll(connect(ads));
  taken();
  apply({ ...first, rds: { r: "r2" } });
  pass(silentAfterMs - 1_000);
  expect(taken()).toEqual(["begin", "publish", "admit"]);
  pass(2_000);
  expect(taken()).toEqual(["retire"]);
});

test("an Envoy that had nothing to say for an hour is no stopped one", () => {
  const { ads, apply, taken, pass } = world();
  apply(first);
  const client = connect(ads);
  acceptAll(client);
  pass(3_600_000);
  taken();
  apply({ ...first, rds: { r: "r2" } });
  pass(silentAfterMs - 1_000);
  expect(taken()).toEqual(["begin", "publish", "admit"]);
  acceptAll(client);
  expect(taken()).toEqual(["retire", "accepted 2"]);
});

test("an Envoy that refuses the newest routes keeps what its older ones name, for ten minutes at most", () => {
  const { ads, apply, taken, pass, refusals } = world();
  apply(first);
  const client = connect(ads);
  acceptAll(client);
  taken();
  apply({ ...first, rds: { r: "bad" } });
  for (const answer of client.taken()) client.nack(answer, "r: no", ["r"]);
  acceptAll(client);
  expect(refusals).toMatchObject([{ kind: "rds", name: "r", message: "r: no", nodeId: "envoy" }]);
  pass(retireWithinMs - 100);
  expect(taken()).toEqual(["begin", "publish", "admit"]);
  pass(100);
  expect(taken()).toEqual(["retire"]);
});

test("an Envoy that connects again within five seconds keeps what its routes name", () => {
  const { ads, apply, taken, pass } = world();
  apply(first);
  const client = connect(ads);
  acceptAll(client);
  client.close();
  taken();
  apply({ ...first, rds: { r: "r2" } });
  pass(reconnectMs - 1_000);
  expect(taken()).toEqual(["begin", "publish", "admit"]);
  acceptAll(connect(ads));
  expect(taken()).toEqual(["retire", "accepted 2"]);
});

test("an Envoy that stays away delays the retirement by five seconds", () => {
  const { ads, apply, taken, pass } = world();
  apply(first);
  const client = connect(ads);
  acceptAll(client);
  client.close();
  apply({ ...first, rds: { r: "r2" } });
  taken();
  pass(reconnectMs + 1_000);
  expect(taken()).toEqual(["admit", "retire"]);
});

test("new endpoints wait for an Envoy that is about to connect again, for 250 ms at most", () => {
  const { ads, apply, taken, pass } = world();
  apply(first);
  const client = connect(ads);
  acceptAll(client);
  client.close();
  taken();
  apply({ ...first, eds: { a: "1 2" } });
  expect(taken()).toEqual(["begin", "publish"]);
  const again = connect(ads);
  expect(taken()).toEqual([]);
  acceptAll(again);
  expect(taken()).toEqual(["admit", "retire", "accepted 2"]);
  again.close();
  apply({ ...first, eds: { a: "1 3" } });
  taken();
  pass(admitWithinMs);
  expect(taken()).toEqual(["admit"]);
});

test("a version is reported as refused when the last Envoy has refused it, and only once", () => {
  const { ads, apply, refusals, state } = world();
  apply(first);
  const clients = [connect(ads, "one"), connect(ads, "two")];
  clients.forEach(acceptAll);
  apply({ ...first, rds: { r: "bad" } });
  const refuse = (client: ScriptedClient) => {
    for (const answer of client.taken()) client.nack(answer, "r: no", ["r"]);
    acceptAll(client);
  };
  refuse(clients[0] as ScriptedClient);
  expect(refusals).toEqual([]);
  refuse(clients[1] as ScriptedClient);
  expect(refusals.length).toBe(1);
  apply({ ...first, rds: { r: "bad" }, eds: { a: "2" } });
  clients.forEach(acceptAll);
  expect(refusals.length).toBe(1);
  expect([...state.refusals]).toEqual([["rds", 2]]);
});

test("a stopped Envoy delays what the others refuse and accept by ten seconds, and counts again once it replies", () => {
  const { ads, apply, taken, pass, refusals } = world();
  apply(first);
  const [running, stopped] = [connect(ads, "running"), connect(ads, "stopped")] as const;
  for (const client of [running, stopped]) acceptAll(client);
  const refuse = (client: ScriptedClient) => {
    for (const answer of client.taken()) client.nack(answer, "r: no", ["r"]);
  };
  apply({ ...first, rds: { r: "bad" } });
  refuse(running);
  pass(unheardAfterMs - 1_000);
  expect(refusals).toEqual([]);
  pass(1_000);
  expect(refusals).toMatchObject([{ name: "r", nodeId: "running", hasEarlierForm: true }]);

  taken();
  apply({ ...first, rds: { r: "good" } });
  acceptAll(running);
  expect(taken()).toContain("accepted 3");
  refuse(stopped);
  acceptAll(stopped);
  apply({ ...first, rds: { r: "better" } });
  acceptAll(running);
  expect(taken()).not.toContain("accepted 4");
  acceptAll(stopped);
  expect(taken()).toContain("accepted 4");
});

test("a stopped Envoy does not hold back the trial of routes", () => {
  const { ads, apply, tried, pass } = world();
  const both = ["r", trialListener];
  const asking = (node: string) => {
    const client = connect(ads, node);
    client.say({ kind: "rds", names: both });
    return client;
  };
  const [running] = [asking("running"), asking("stopped")] as const;
  apply({ ...first, rds: { r: "r", [trialListener]: "tried" } });
  for (let taken = running.taken(); taken.length > 0; taken = running.taken()) {
    for (const answer of taken) {
      running.ack(answer, answer.kind === "rds" ? both : (names[answer.kind] ?? []));
    }
  }
  expect(tried).toEqual([]);
  pass(unheardAfterMs);
  expect(tried).toEqual([expect.any(String)]);
});

test("whether an Envoy has an earlier form of what it refuses is reported where it is known", () => {
  const { ads, apply, refusals } = world();
  apply({ ...first, cds: { a: "bad" } });
  const refuse = (client: ScriptedClient) => {
    for (const answer of client.taken()) client.nack(answer, "a: no");
    client.close();
  };
  const fresh = new ScriptedClient(ads, "full");
  fresh.say({ kind: "cds", node: "new" });
  refuse(fresh);
  const returning = new ScriptedClient(ads, "full");
  returning.say({ kind: "cds", node: "returning", version: "of another process" });
  refuse(returning);
  const naming = new ScriptedClient(ads, "delta");
  naming.say({ kind: "cds", node: "naming", initial: { a: "older" } });
  refuse(naming);
  expect(refusals.map(({ nodeId, hasEarlierForm }) => [nodeId, hasEarlierForm])).toEqual([
    ["new", false],
    ["returning", undefined],
    ["naming", true],
  ]);
});

test("a refused cluster does not keep the rest from being accepted, but refused routes do", () => {
  const { ads, apply, taken, refusals } = world();
  apply(first);
  const client = connect(ads);
  acceptAll(client);
  taken();
  apply({ ...first, cds: { ...first.cds, b: "bad" } });
  for (const answer of client.taken()) client.nack(answer, "b: no", ["b"]);
  acceptAll(client);
  expect(refusals).toMatchObject([{ kind: "cds", name: "b" }]);
  expect(taken()).toContain("accepted 2");
  apply({ ...first, cds: { ...first.cds, b: "bad" }, rds: { r: "bad" } });
  for (const answer of client.taken()) client.nack(answer, "r: no", ["r"]);
  acceptAll(client);
  expect(refusals).toMatchObject([{ kind: "cds" }, { kind: "rds", name: "r" }]);
  expect(taken()).not.toContain("accepted 3");
});

test("the time from the oldest change to each Envoy's acceptance is measured", () => {
  const { ads, apply, pass, state } = world();
  apply(first);
  const clients = [connect(ads, "one"), connect(ads, "two")];
  clients.forEach(acceptAll);
  expect(state.changeToAckS.sum).toBe(0);
  apply({ ...first, eds: { a: "2" } });
  pass(50);
  acceptAll(clients[0] as ScriptedClient);
  pass(50);
  acceptAll(clients[1] as ScriptedClient);
  expect(state.changeToAckS.sum).toBeCloseTo(0.15);
});

test("routes that are tried are reported when one Envoy accepts them and all have replied", () => {
  const { ads, apply, tried, refusals } = world();
  const both = ["r", trialListener];
  const asking = (node: string) => {
    const client = connect(ads, node);
    client.say({ kind: "rds", names: both });
    return client;
  };
  const clients = [asking("one"), asking("two")] as const;
  apply({ ...first, rds: { r: "r", [trialListener]: "tried" } });
  for (const [at, client] of clients.entries()) {
    expect(tried).toEqual([]);
    for (let taken = client.taken(); taken.length > 0; taken = client.taken()) {
      for (const answer of taken) {
        const isRefused = at === 0 && answer.texts.includes("tried");
        if (isRefused) client.nack(answer, `${trialListener}: no`, both);
        else client.ack(answer, answer.kind === "rds" ? both : (names[answer.kind] ?? []));
      }
    }
  }
  expect([tried, refusals]).toEqual([[expect.any(String)], []]);

  apply(first);
  for (const client of clients) acceptAll(client);
  expect(tried).toHaveLength(1);
});
