import { describe, expect, test } from "@jest/globals";
import { directTopology, type Topology } from "@umbra/envoy-config";
import { type AdsServer, createAdsServer, type Snapshot } from "@umbra/xds";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { ModelEnvoy } from "../../xds/test/model-envoy.ts";
import type { Form } from "../../xds/test/scripted-client.ts";
import { snapshot } from "../../xds/test/snapshots.ts";
import { goodOf, textsOf, type World, worlds } from "../../xds/test/worlds.ts";
import type { ServingState } from "../src/apply/serving-state.ts";
import { ConfigurationRollout } from "../src/configuration/configuration-rollout.ts";
import { createConfigurationState } from "../src/configuration/configuration-state.ts";

const empty: World = { clusters: [], listeners: [], bad: [] };

/** What the sidecar serves, as far as its order matters: pools by name, each with the versions of endpoints that may be picked. */
class ModelServing implements ServingState {
  readonly pools = new Map<string, Set<number>>();
  readonly #worlds: ReadonlyMap<Topology, World>;
  #begun: World = empty;

  constructor(given: ReadonlyMap<Topology, World>) {
    this.#worlds = given;
  }

  begin(topology: Topology): void {
    this.#begun = this.#worlds.get(topology) ?? empty;
    for (const { name, endpoints } of this.#begun.clusters) {
      const known = this.pools.get(name);
      // No route names a new pool: its endpoints may be picked at once. Leaving ones are out at once.
      const kept = known === undefined || known.has(endpoints) ? [endpoints] : [];
      this.pools.set(name, new Set(kept));
    }
  }

  admitEndpoints(): void {
    for (const { name, endpoints } of this.#begun.clusters) this.pools.get(name)?.add(endpoints);
  }

  retire(): void {
    const names = new Set(this.#begun.clusters.map(({ name }) => name));
    for (const name of this.pools.keys()) if (!names.has(name)) this.pools.delete(name);
  }
}

/** A sidecar process: its ADS server, what it serves, and the rollout between them. */
class ModelSidecar {
  readonly ads: AdsServer;
  readonly serving: ModelServing;
  /** The pools of all files since its start. */
  readonly known = new Set<string>();
  readonly #worlds: ReadonlyMap<Topology, World>;
  readonly #rollout: ConfigurationRollout;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();
  #now = 0;
  #generation = 0;

  constructor(given: ReadonlyMap<Topology, World>) {
    this.serving = new ModelServing(given);
    this.#worlds = given;
    const observer = {
      upToDate: (nodeId: string) => this.#rollout.observer.upToDate?.(nodeId),
      changed: () => this.#rollout.observer.changed?.(),
    };
    this.ads = createAdsServer({ now: () => this.#now, observer });
    const { ads, serving } = this;
    const state = createConfigurationState(
      () => ads.clients,
      () => this.#now,
    );
    this.#rollout = new ConfigurationRollout({
      ...{ ads, serving, state, now: () => this.#now, wallClock: () => this.#now },
      after: (ms, run) => {
        const timer = { at: this.#now + ms, run };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
    });
  }

  apply(topology: Topology, resources: Snapshot): void {
    for (const { name } of this.#worlds.get(topology)?.clusters ?? []) this.known.add(name);
    const facts = { findings: [], staleFiles: [], objects: 1, changes: [], changedAtMs: this.#now };
    this.#rollout.apply({
      ...facts,
      generation: ++this.#generation,
      topology,
      snapshot: resources,
    });
  }

  pass(ms: number): void {
    for (const end = this.#now + ms; this.#now < end; ) {
      this.#now += 500;
      for (const timer of [...this.#timers]) {
        if (timer.at <= this.#now && this.#timers.delete(timer)) timer.run();
      }
    }
  }
}

type Action =
  | { readonly kind: "change"; readonly world: World }
  | {
      readonly kind: "request" | "answer" | "reconnect" | "kill Envoy" | "kill sidecar" | "rest";
    };

const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Action>({ kind: "request" }) },
  { weight: 8, arbitrary: fc.constant<Action>({ kind: "answer" }) },
  { weight: 4, arbitrary: worlds.map((world): Action => ({ kind: "change", world })) },
  { weight: 1, arbitrary: fc.constantFrom<Action>({ kind: "reconnect" }, { kind: "rest" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Action>({ kind: "kill Envoy" }, { kind: "kill sidecar" }),
  },
);

class Play {
  readonly envoy: ModelEnvoy;
  readonly violations: string[] = [];
  readonly #worlds = new Map<Topology, World>();
  sidecar = new ModelSidecar(this.#worlds);
  #latest: { readonly topology: Topology; readonly resources: Snapshot } | undefined;
  /** False from the start of a sidecar until Envoy has what that sidecar serves: it starts with the newest files. */
  #isFollowing = true;

  constructor(form: Form) {
    this.envoy = new ModelEnvoy(form);
    this.envoy.connect(this.sidecar.ads);
  }

  do(action: Action): void {
    switch (action.kind) {
      case "change": {
        const topology = { ...directTopology({ primary: [], shadow: [], port: 80 }) };
        this.#worlds.set(topology, action.world);
        const resources = snapshot(textsOf(action.world), this.#latest?.resources);
        this.#latest = { topology, resources };
        this.sidecar.apply(topology, resources);
        break;
      }
      case "request":
        this.envoy.deliverRequest();
        break;
      case "answer":
        this.envoy.deliverAnswer();
        break;
      case "reconnect":
        this.envoy.connect(this.sidecar.ads);
        break;
      case "kill Envoy":
        this.envoy.restart(this.sidecar.ads);
        break;
      case "kill sidecar":
        this.sidecar = new ModelSidecar(this.#worlds);
        if (this.#latest !== undefined) {
          this.sidecar.apply(this.#latest.topology, this.#latest.resources);
        }
        this.envoy.connect(this.sidecar.ads);
        this.#isFollowing = false;
        break;
      case "rest":
        this.settle();
        break;
    }
    this.#check(action.kind);
  }

  /** Delivers all that waits and all that follows from it; returns how many messages. Then time passes. */
  settle(): number {
    let steps = 0;
    while ((this.envoy.deliverRequest() || this.envoy.deliverAnswer()) && steps < 10_000) {
      steps++;
      this.#check("a message");
    }
    this.sidecar.pass(11_000);
    return steps;
  }

  /** Of the pools that Envoy's routes name: each is registered, and Envoy has what may be picked of it. */
  #check(after: string): void {
    this.#isFollowing ||= this.sidecar.ads.clients[0]?.isUpToDate === true;
    if (!this.#isFollowing) return;
    const clusters = this.envoy.texts("cds");
    const endpoints = this.envoy.texts("eds");
    for (const name of this.envoy.routedClusters()) {
      // Older routes, given to a new Envoy in place of refused ones, may name what is gone.
      if (!(name in clusters)) continue;
      // Routes that Envoy keeps from before the sidecar's start may name what only that sidecar knew.
      if (!this.sidecar.known.has(name)) continue;
      const pickable = this.sidecar.serving.pools.get(name);
      if (pickable === undefined) this.violations.push(`after ${after}: no pool ${name}`);
      if (!(name in endpoints)) continue;
      const has = Number(/ v(\d+)/.exec(endpoints[name] ?? "")?.[1]);
      for (const version of pickable ?? []) {
        if (version === has) continue;
        this.violations.push(`after ${after}: ${name} v${version} is picked, Envoy has v${has}`);
      }
    }
  }
}

/** Of a refused answer Envoy applied a part, under the version of the answer before; then the sidecar was killed. */
const appliedInPart: [Action[], World] = [
  [
    { kind: "change", world: empty },
    { kind: "rest" },
    {
      kind: "change",
      world: {
        ...{ clusters: [], bad: ["l0"] },
        listeners: [
          { name: "l1", version: 0, routes: 0 },
          { name: "l0", version: 0, routes: 0 },
        ],
      },
    },
    { kind: "rest" },
    { kind: "kill sidecar" },
  ],
  empty,
];

/** The sidecar starts with files that lack a pool, while Envoy refuses the routes that no longer name it. */
const keptPool: [World, Action[]] = [
  {
    ...empty,
    clusters: [{ name: "c0", version: 0, endpoints: 0 }],
    listeners: [{ name: "l0", version: 0, routes: 0 }],
  },
  [
    {
      kind: "change",
      world: {
        ...{ clusters: [], bad: ["r-l0"] },
        listeners: [
          { name: "l0", version: 0, routes: 0 },
          { name: "l1", version: 0, routes: 0 },
        ],
      },
    },
    { kind: "kill sidecar" },
  ],
];

describe.each<Form>(["full", "delta"])(
  "%s: any interleaving of changes, refusals and kills of either side",
  (form) => {
    const runs = { numRuns: propertyRuns(120, 1_000) };

    test("ends with the last good configuration in Envoy, and all of it served by the sidecar", () => {
      fc.assert(
        fc.property(fc.array(actions, { maxLength: 60 }), worlds, (list, last) => {
          const play = new Play(form);
          for (const action of list) play.do(action);
          play.do({ kind: "change", world: last });
          expect(play.settle()).toBeLessThan(10_000);
          const refused = [...last.bad, ...last.bad.map((name) => `r-${name}`)];
          const want = textsOf(last);
          for (const kind of ["lds", "rds"] as const) {
            const found = goodOf(play.envoy.texts(kind), refused);
            expect([kind, found]).toEqual([kind, goodOf(want[kind] ?? {}, refused)]);
          }
          // Older routes, kept in place of refused ones, keep the pools that they name for a while.
          const served = Object.fromEntries(play.sidecar.serving.pools);
          const wanted = last.clusters.map(
            ({ name, endpoints }) => [name, new Set([endpoints])] as const,
          );
          const isKept = last.bad.some((name) => /l\d/.test(name));
          const more = isKept ? served : {};
          expect(served).toEqual({ ...more, ...Object.fromEntries(wanted) });
        }),
        { ...runs, examples: [appliedInPart] },
      );
    });

    test("on the way, Envoy's routes name only pools that are registered, and only endpoints are picked that Envoy has", () => {
      fc.assert(
        fc.property(worlds, fc.array(actions, { maxLength: 60 }), (first, list) => {
          const play = new Play(form);
          play.do({ kind: "change", world: first });
          play.do({ kind: "rest" });
          for (const action of list) play.do(action);
          play.settle();
          expect(play.violations).toEqual([]);
        }),
        { ...runs, examples: [keptPool] },
      );
    });
  },
);
