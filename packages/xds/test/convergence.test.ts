import { describe, expect, test } from "@jest/globals";
import { type AdsServer, createAdsServer, type Snapshot } from "@umbra/xds";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { ModelEnvoy } from "./model-envoy.ts";
import type { Form } from "./scripted-client.ts";
import { snapshot } from "./snapshots.ts";
import { goodOf, textsOf, type World, worlds } from "./worlds.ts";

type Action =
  | { readonly kind: "update"; readonly world: World }
  | { readonly kind: "request" | "answer" | "reconnect" | "restart envoy" | "restart server" };

const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Action>({ kind: "request" }) },
  { weight: 8, arbitrary: fc.constant<Action>({ kind: "answer" }) },
  { weight: 3, arbitrary: worlds.map((world): Action => ({ kind: "update", world })) },
  { weight: 1, arbitrary: fc.constant<Action>({ kind: "reconnect" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ kind: "restart envoy" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ kind: "restart server" }) },
);

class Play {
  readonly envoy: ModelEnvoy;
  server: AdsServer = createAdsServer();
  #snapshot: Snapshot | undefined;
  world: World = { clusters: [], listeners: [], bad: [] };

  constructor(form: Form) {
    this.envoy = new ModelEnvoy(form);
    this.envoy.connect(this.server);
  }

  do(action: Action): void {
    switch (action.kind) {
      case "update":
        this.world = action.world;
        this.#snapshot = snapshot(textsOf(action.world), this.#snapshot);
        this.server.update(this.#snapshot);
        break;
      case "request":
        this.envoy.deliverRequest();
        break;
      case "answer":
        this.envoy.deliverAnswer();
        break;
      case "reconnect":
        this.envoy.connect(this.server);
        break;
      case "restart envoy":
        this.envoy.restart(this.server);
        break;
      case "restart server":
        this.server = createAdsServer();
        if (this.#snapshot !== undefined) this.server.update(this.#snapshot);
        this.envoy.connect(this.server);
        break;
    }
  }

  /** Delivers all that waits, and all that follows from it. */
  settle(): number {
    let steps = 0;
    while ((this.envoy.deliverRequest() || this.envoy.deliverAnswer()) && steps < 10_000) steps++;
    return steps;
  }
}

/** New and changed routes are refused in one answer, whose error names neither, by a client that has just come back. */
const refusedTogetherAfterReconnection: [Action[], Action[], World] = [
  [
    {
      kind: "update",
      world: { clusters: [], listeners: [{ name: "l1", version: 0, routes: 0 }], bad: [] },
    },
  ],
  [{ kind: "reconnect" }],
  {
    clusters: [],
    listeners: [
      { name: "l0", version: 0, routes: 0 },
      { name: "l1", version: 0, routes: 0 },
    ],
    bad: ["r-l0", "r-l1"],
  },
];

describe.each<Form>(["full", "delta"])("%s", (form) => {
  test("any interleaving of changes, refusals and restarts ends with the last good configuration", () => {
    fc.assert(
      fc.property(fc.array(actions, { maxLength: 60 }), worlds, (list, last) => {
        const play = new Play(form);
        for (const action of list) play.do(action);
        play.do({ kind: "update", world: last });
        expect(play.settle()).toBeLessThan(10_000);
        const want = textsOf(last);
        const refused = [
          ...last.bad,
          ...last.listeners
            .filter(({ name }) => last.bad.includes(name))
            .map(({ name }) => `r-${name}`),
        ];
        for (const kind of ["cds", "lds", "eds", "rds"] as const) {
          const left = kind === "eds" ? [...last.bad] : refused;
          const good = goodOf(want[kind] ?? {}, left);
          const found = goodOf(play.envoy.texts(kind), left);
          // Older routes, kept in place of refused ones, keep the clusters that they name.
          const isKept =
            (kind === "cds" || kind === "eds") && last.bad.some((name) => /l\d/.test(name));
          const compared = isKept ? { ...found, ...good } : good;
          expect([kind, found]).toEqual([kind, compared]);
        }
        expect(play.server.clients).toMatchObject([{ isUpToDate: true }]);
      }),
      { numRuns: propertyRuns(120, 1_000) },
    );
  });

  test("what Envoy had and the configuration still names is never lost, though it is refused now", () => {
    const faults = actions.filter(({ kind }) => kind !== "update" && kind !== "restart envoy");
    fc.assert(
      fc.property(
        fc.array(actions, { maxLength: 40 }),
        fc.array(faults, { maxLength: 20 }),
        worlds,
        (list, after, last) => {
          const play = new Play(form);
          for (const action of list) play.do(action);
          play.settle();
          const kindsHeld = ["cds", "lds", "rds"] as const;
          const had = kindsHeld.map((kind) => Object.keys(play.envoy.texts(kind)));
          play.do({ kind: "update", world: last });
          for (const action of after) play.do(action);
          expect(play.settle()).toBeLessThan(10_000);
          const want = textsOf(last);
          const lost = kindsHeld.map((kind, i) => {
            const found = play.envoy.texts(kind);
            return had[i]?.filter((name) => name in (want[kind] ?? {}) && !(name in found));
          });
          expect(lost).toEqual([[], [], []]);
        },
      ),
      { numRuns: propertyRuns(120, 1_000), examples: [refusedTogetherAfterReconnection] },
    );
  });

  test("no route ever names a cluster that Envoy does not have, while the stream lasts", () => {
    const calm = actions.filter(
      ({ kind }) => kind === "update" || kind === "request" || kind === "answer",
    );
    fc.assert(
      fc.property(fc.array(calm, { maxLength: 80 }), (list) => {
        const play = new Play(form);
        for (const action of list) play.do(action);
        play.settle();
        expect(play.envoy.violations).toEqual([]);
      }),
      { numRuns: propertyRuns(120, 1_000) },
    );
  });
});
