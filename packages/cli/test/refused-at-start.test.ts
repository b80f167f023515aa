import { describe, expect, test } from "@jest/globals";
import { createConfigurer } from "@umbra/control/internal";
import { createResourceStore, trialListener } from "@umbra/envoy-config";
import { type AdsServer, createAdsServer, kinds, type Snapshot } from "@umbra/xds";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { ConfigurationRollout } from "../../sidecar/src/configuration/configuration-rollout.ts";
import { createConfigurationState } from "../../sidecar/src/configuration/configuration-state.ts";
import { ModelEnvoy } from "../../xds/test/model-envoy.ts";
import type { Form } from "../../xds/test/scripted-client.ts";
import { snapshot as snapshotOfTexts } from "../../xds/test/snapshots.ts";

/** HTTPRoutes by name with the pool of each; what Envoy refuses of them, of the pools and of the listeners. */
interface World {
  readonly routes: readonly number[];
  readonly badRoutes: ReadonlySet<string>;
  readonly badPools: ReadonlySet<string>;
  readonly badListeners: ReadonlySet<string>;
}

const listeners = ["one", "two"];
const pools = ["p0", "p1", "p2"];
const listenerName = (name: string) => `0.0.0.0:${8080 + listeners.indexOf(name)}`;
const clusterName = (name: string) => `primary/default/${name}`;

const chosen = (names: readonly string[]) =>
  fc.subarray([...names]).map((each): ReadonlySet<string> => new Set(each));

const worlds: fc.Arbitrary<World> = fc
  .array(fc.nat(pools.length - 1), { minLength: 1, maxLength: 9 })
  .chain((routes) =>
    fc.record({
      routes: fc.constant(routes),
      badRoutes: chosen(routes.map((_, at) => `r${at}`)),
      badPools: chosen(pools),
      badListeners: fc.oneof(
        { weight: 3, arbitrary: fc.constant<ReadonlySet<string>>(new Set()) },
        { weight: 1, arbitrary: fc.constant<ReadonlySet<string>>(new Set(["two"])) },
      ),
    }),
  );

function textOf({ routes }: World): string {
  const gateway = {
    ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", metadata: { name: "gw" } },
    spec: {
      gatewayClassName: "umbra",
      listeners: listeners.map((name, at) => ({ name, protocol: "HTTP", port: 8080 + at })),
    },
  };
  const given = pools.map((name) => ({
    ...{ apiVersion: "inference.networking.k8s.io/v1", kind: "InferencePool" },
    metadata: { name, annotations: { "umbra.dev/endpoints": "10.0.0.1:8000" } },
    spec: {
      ...{ selector: { matchLabels: { app: name } }, targetPorts: [{ number: 8000 }] },
      endpointPickerRef: { name: "umbra", port: { number: 9002 } },
    },
  }));
  const group = "inference.networking.k8s.io";
  const each = routes.map((pool, at) => ({
    ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute" },
    metadata: { name: `r${at}` },
    spec: {
      // Every third one is of one listener only.
      parentRefs: [{ name: "gw", ...(at % 3 === 0 ? { sectionName: "one" } : {}) }],
      rules: [
        {
          matches: [{ path: { type: "PathPrefix", value: `/r${at}` } }],
          backendRefs: [{ group, kind: "InferencePool", name: pools[pool] ?? "" }],
        },
      ],
    },
  }));
  return [gateway, ...given, ...each].map((one) => JSON.stringify(one)).join("\n---\n");
}

/** A sidecar that has just started: all between its files and the bytes that Envoy gets. */
class Sidecar {
  readonly ads: AdsServer;
  readonly #configurer: ReturnType<typeof createConfigurer>;
  readonly #rollout: ConfigurationRollout;
  readonly #world: World;
  #texts: Snapshot | undefined;
  #served: Snapshot | undefined;
  #findings: readonly { readonly message: string }[] = [];
  #events: (() => boolean)[] = [];
  published = 0;

  constructor(world: World) {
    this.#world = world;
    this.#configurer = createConfigurer({
      store: createResourceStore({ isLive: true }),
      ...{ rendering: {}, ownInterfaces: [] },
    });
    this.ads = createAdsServer({
      observer: {
        upToDate: (nodeId) => this.#rollout.observer.upToDate?.(nodeId),
        changed: () => this.#rollout.observer.changed?.(),
      },
    });
    const { ads } = this;
    const now = () => 0;
    this.#rollout = new ConfigurationRollout({
      ...{ ads, now, wallClock: now, after: () => () => undefined },
      serving: { begin() {}, admitEndpoints() {}, retire() {} },
      state: createConfigurationState(() => ads.clients, now),
      onRefused: ({ version, ...refusal }) =>
        this.#events.push(() =>
          this.#configurer.refused({
            ...refusal,
            ...this.#own(refusal.kind, refusal.name, version),
          }),
        ),
      onAccepted: (generation) => this.#events.push(() => this.#configurer.accepted(generation)),
      onTried: (version) =>
        this.#events.push(() =>
          this.#configurer.tried(this.#own("rds", trialListener, version).version),
        ),
    });
    this.#configurer.take({
      put: [{ name: "world.yaml", text: textOf(world) }],
      ...{ kept: [], removed: [] },
    });
    this.#publish();
  }

  /** Those of the newest configuration. */
  get findings(): readonly string[] {
    return this.#findings.map(({ message }) => message);
  }

  /** Hears one event of the Envoys. Returns false where there is none. */
  hear(): boolean {
    const [event] = this.#events.splice(0, 1);
    if (event?.() === true) this.#publish();
    return event !== undefined;
  }

  #publish(): void {
    const draft = this.#configurer.draft();
    if (draft === undefined) return;
    const { snapshot, ...update } = this.#configurer.publish(draft, 0);
    if (snapshot === undefined) throw new Error("nothing is rendered");
    this.published++;
    this.#served = snapshot;
    this.#findings = update.findings;
    this.#texts = snapshotOfTexts(this.#textsOf(snapshot), this.#texts);
    this.#rollout.apply({ ...update, snapshot: this.#texts });
  }

  /** The version of the resource that a text stands for: empty where it is an older one. */
  #own(kind: (typeof kinds)[number], name: string, version: string): { readonly version: string } {
    const isNewest = this.#texts?.[kind].get(name)?.version === version;
    return { version: (isNewest ? this.#served?.[kind].get(name)?.version : undefined) ?? "" };
  }

  /** Resources as the model of Envoy reads them. */
  #textsOf(snapshot: Snapshot) {
    const { badPools, badListeners } = this.#world;
    const bad = new Set([
      ...[...badPools].map(clusterName),
      ...[...badListeners].map(listenerName),
    ]);
    const routesOf = (name: string) => {
      const bytes = Buffer.from(snapshot.rds.get(name)?.value ?? []).toString("latin1");
      return this.#world.routes
        .map((_, at) => `r${at}`)
        .filter((each) => bytes.includes(`/${each}`));
    };
    const clusterOf = (route: string) => clusterName(poolOf(this.#world.routes, route));
    return Object.fromEntries(
      kinds.map((kind) => [
        kind,
        Object.fromEntries(
          [...snapshot[kind].values()].map(({ name, version }) => {
            const of = kind === "rds" ? routesOf(name) : [];
            const isBad = bad.has(name) && (kind === "cds" || kind === "lds");
            const hasBad = of.some((each) => this.#world.badRoutes.has(each));
            const to = kind === "lds" && snapshot.rds.has(name) ? [name] : of.map(clusterOf);
            const words = `${kind} ${name} ${version} has ${of.map((each) => `[${each}]`).join("")}`;
            return [name, `${words} to ${to.join(",")}${isBad || hasBad ? " bad" : ""}`];
          }),
        ),
      ]),
    );
  }
}

const routesIn = (text: string | undefined) =>
  [...(text ?? "").matchAll(/\[(r\d+)\]/g)].map(([, name = ""]) => name).toSorted();

const mostSteps = 20_000;

/** Delivers messages and events, in an order that `choose` decides, until nothing is left. Calls `onStep` after each. */
function settle(
  envoy: ModelEnvoy,
  sidecar: Sidecar,
  choose: () => number,
  onStep: () => void = () => undefined,
): number {
  const moves = [
    () => envoy.deliverRequest(),
    () => envoy.deliverAnswer(),
    () => sidecar.hear(),
  ] as const;
  for (let steps = 0; steps < mostSteps; steps++) {
    const first = choose();
    const isMoved = moves.some((_, at) => moves[(first + at) % moves.length]?.() === true);
    onStep();
    if (!isMoved) return steps;
  }
  return mostSteps;
}

const good: World = {
  ...{ routes: [], badRoutes: new Set() },
  ...{ badPools: new Set(), badListeners: new Set() },
};

describe.each<Form>(["full", "delta"])(
  "%s: a sidecar starts with content that Envoy refuses",
  (form) => {
    // By state of the world, a sidecar that has just started can't know of clusters that only older routes name.
    const isAvoidable = () => form === "delta";

    test("an Envoy that is new gets everything else, and each bad part is named", () => {
      fc.assert(
        fc.property(worlds, fc.infiniteStream(fc.nat(2)), (world, order) => {
          const sidecar = new Sidecar(world);
          const envoy = new ModelEnvoy(form);
          envoy.connect(sidecar.ads);
          expect(settle(envoy, sidecar, () => order.next().value ?? 0)).toBeLessThan(mostSteps);
          expectSettled(world, sidecar, envoy);
          const held = sidecar.findings.filter((each) => each.includes("refuses InferencePool"));
          const none = held.filter((each) => each.includes("and it has no earlier form to serve"));
          expect(held).toEqual(none);
        }),
        { numRuns: propertyRuns(4, 300) },
      );
    });

    test("an Envoy that returns loses no good route on the way", () => {
      fc.assert(
        fc.property(worlds, fc.infiniteStream(fc.nat(2)), (world, order) => {
          const choose = () => order.next().value ?? 0;
          const envoy = new ModelEnvoy(form);
          // Each route has another pool then.
          const routes = world.routes.map((pool) => (pool + 1) % pools.length);
          const before = new Sidecar({ ...good, routes });
          envoy.connect(before.ads);
          settle(envoy, before, choose);
          const sidecar = new Sidecar(world);
          envoy.connect(sidecar.ads);
          const lost: string[] = [];
          const wanted = goodRoutes(world, "one");
          expect(routesIn(envoy.texts("rds")[listenerName("one")])).toEqual(
            expect.arrayContaining([...wanted]),
          );
          const watch = () => {
            const held = routesIn(envoy.texts("rds")[listenerName("one")]);
            lost.push(...wanted.filter((name) => !held.includes(name)));
          };
          expect(settle(envoy, sidecar, choose, watch)).toBeLessThan(mostSteps);
          expect(lost).toEqual([]);
          expect(envoy.violations.filter(isAvoidable)).toEqual([]);
          expectSettled(world, sidecar, envoy);
        }),
        { numRuns: propertyRuns(4, 300) },
      );
    });
  },
);

function goodRoutes({ routes, badRoutes }: World, listener: string): readonly string[] {
  return routes
    .map((_, at) => `r${at}`)
    .filter((name, at) => !badRoutes.has(name) && (listener === "one" || at % 3 !== 0))
    .toSorted();
}

function poolOf(routes: readonly number[], name: string): string {
  return pools[routes[Number(name.slice(1))] ?? 0] ?? "";
}

function expectSettled(world: World, sidecar: Sidecar, envoy: ModelEnvoy): void {
  const { badRoutes, badPools, badListeners, routes } = world;
  const texts = envoy.texts("rds");
  const served = listeners.filter((name) => !badListeners.has(name));
  expect(served.map((name) => routesIn(texts[listenerName(name)]))).toEqual(
    served.map((name) => goodRoutes(world, name)),
  );
  expect(texts[trialListener]).toBeUndefined();
  expect(Object.keys(envoy.texts("lds"))).toEqual(expect.arrayContaining(served.map(listenerName)));
  // A pool that no served route names is not given to Envoy.
  const used = new Set(goodRoutes(world, "one").map((name) => poolOf(routes, name)));
  const named = [...badRoutes].map((name) => `HTTPRoute default/${name}`);
  const other = [...badPools].filter((name) => used.has(name));
  const all = [...named, ...other.map((name) => `InferencePool default/${name}`)];
  const found = sidecar.findings.flatMap(
    (message) => /^Envoy refuses (HTTPRoute \S+|InferencePool \S+),/.exec(message)?.[1] ?? [],
  );
  expect(found.toSorted()).toEqual(all.toSorted());
  // Each bad one is found by halves, at one listener or both.
  expect(sidecar.published).toBeLessThan(8 + 16 * (badRoutes.size + 1));
}
