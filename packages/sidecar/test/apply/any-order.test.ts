import { expect, test } from "@jest/globals";
import type { Pool, Topology } from "@umbra/envoy-config";
import type { Lease } from "@umbra/scheduler";
import fc from "fast-check";
import { propertyRuns } from "../../../../testing/property-runs.ts";
import { apply, type Served, seriesOf, serve, stateOf } from "./served-state.ts";
import { pool, queueing, topologyOf } from "./topologies.ts";

const models = ["m", "n", "other"];
const addresses = Array.from({ length: 6 }, (_, i) => `10.0.0.${i}:80`);

/** Picker configurations: none, two queues and a profile. */
const configs: readonly Pool["pickerConfig"][] = [
  undefined,
  queueing(),
  queueing({ maxRequests: 3, ttl: "1s" }),
  {
    apiVersion: "inference.networking.x-k8s.io/v1alpha1",
    kind: "EndpointPickerConfig",
    plugins: [{ type: "queue-scorer" }, { type: "max-score-picker" }],
    schedulingProfiles: [{ name: "by-queue", plugins: [{ pluginRef: "queue-scorer" }] }],
  },
];

const anyPool = (name: string): fc.Arbitrary<Pool> =>
  fc
    .record({
      endpoints: fc.uniqueArray(fc.constantFrom(...addresses), { maxLength: 4 }),
      draining: fc.uniqueArray(fc.constantFrom(...addresses), { maxLength: 1 }),
      label: fc.constantFrom("", "vllm", "sglang"),
      config: fc.constantFrom(...configs),
      model: fc.constantFrom(...models),
      criticality: fc.constantFrom("Critical" as const, "Sheddable" as const),
      isListed: fc.boolean(),
      isRewritten: fc.boolean(),
      port: fc.constantFrom(undefined, 9_090),
      picker: fc.constantFrom("umbra" as const, "umbra" as const, "none" as const),
    })
    .map(({ endpoints, draining, label, config, model, isListed, ...more }) =>
      pool(name, endpoints, {
        picker: more.picker,
        endpointLabels:
          label === ""
            ? {}
            : Object.fromEntries(
                endpoints.map((address) => [address, { "llm-d.ai/engine-type": label }]),
              ),
        scrape: more.port === undefined ? {} : { port: more.port },
        models: isListed ? [{ name: model, criticality: more.criticality }] : [],
        objectives: isListed ? [{ name: model, priority: 3 }] : [],
        rewrites: more.isRewritten
          ? [{ model, isSticky: false, targets: [{ model: "n", weight: 1 }] }]
          : [],
        ...(config === undefined ? {} : { pickerConfig: config }),
        drainingEndpoints: draining,
      }),
    );

const anyTopology: fc.Arbitrary<Topology> = fc
  .uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 })
  .chain((names) => fc.tuple(...names.map(anyPool)))
  .map((pools) => topologyOf(...pools));

/** What happens between two topologies: requests, and how far the change gets. */
const anyStep = fc.record({
  topology: anyTopology,
  isAdmitted: fc.boolean(),
  isRetired: fc.boolean(),
});

/** Sends a request to every pool and reads every endpoint's page and models. */
function traffic({ pools, metrics, load }: Served): readonly Lease[] {
  return [...pools.values()].flatMap(({ name, state, served, engines }) => {
    for (const address of state.addresses()) {
      served.record(address, { base: [`of-${address}`], adapters: [], parents: new Map() });
      engines.set(address, "vllm");
    }
    const picked = state.pick({ model: "m", prompt: Buffer.alloc(600) });
    if (!picked.ok) return [];
    const { endpoint } = picked;
    metrics.requests.decided(
      "primary",
      name,
      { outcome: "picked", model: `of-${endpoint}`, endpoint, tookMs: 1 },
      1,
    );
    metrics.requests.ended("primary", name, 1);
    load.picked(name, "primary");
    return [picked.lease];
  });
}

test("after any changes, the served state is that of a sidecar started with the last topology", () => {
  fc.assert(
    fc.property(
      anyTopology,
      fc.array(anyStep, { maxLength: 6 }),
      anyTopology,
      (first, steps, last) => {
        const served = serve(first);
        for (const { topology, isAdmitted, isRetired } of steps) {
          traffic(served);
          served.begin(topology);
          if (isAdmitted) served.admitEndpoints();
          if (isRetired) served.retire();
        }
        traffic(served);
        apply(served, last);
        const fresh = serve(last);
        for (const each of [served, fresh]) traffic(each);
        apply(served, last);
        apply(fresh, last);
        expect(stateOf(served, models)).toEqual(stateOf(fresh, models));
        const isOfGone = (series: string) => !seriesNames(fresh).has(namesIn(series));
        expect(seriesOf(served).filter(isOfGone)).toEqual([]);
      },
    ),
    { numRuns: propertyRuns(30, 500) },
  );
});

/** The pools and endpoints of a series. */
function namesIn(series: string): string {
  return (series.match(/(?<= )[abcd](?= |$)|10\.0\.0\.\d:80/g) ?? []).join(" ");
}

/** Pools and their endpoints, as series may name them. */
function seriesNames({ pools }: Served): ReadonlySet<string> {
  const names = new Set<string>([""]);
  for (const { name, state } of pools.values()) {
    names.add(name);
    for (const address of state.addresses()) {
      names.add(`${name} ${address}`);
      names.add(`${name} ${address} ${address}`);
    }
  }
  return names;
}

test("a pool that stays keeps its requests in flight and its prefix index through any changes", () => {
  const kept = ["10.0.0.1:80", "10.0.0.2:80"];
  const withKept = (topology: Topology, config: Pool["pickerConfig"]) => ({
    ...topology,
    pools: [
      ...topology.pools.filter(({ name }) => name !== "a"),
      pool("a", kept, config === undefined ? {} : { pickerConfig: config }),
    ],
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyStep, fc.constantFrom(...configs)), { minLength: 1, maxLength: 6 }),
      (steps) => {
        const served = serve(topologyOf(pool("a", kept)));
        const { state } = served.pools.get("a") ?? fail();
        const picks = [1, 2, 3].map((i) => {
          return state.pick({ model: "m", prompt: Buffer.alloc(6_000, i) });
        });
        const before = heldBy(served);
        expect(before.inFlight).toBe(3);
        expect(before.blocks).toBeGreaterThan(0);
        for (const [{ topology, isAdmitted, isRetired }, config] of steps) {
          served.begin(withKept(topology, config));
          if (isAdmitted) served.admitEndpoints();
          if (isRetired) served.retire();
          expect(served.pools.get("a")?.state).toBe(state);
          expect(heldBy(served)).toEqual(before);
        }
        for (const each of picks) if (each.ok) each.lease.done();
        expect(heldBy(served)).toEqual({ ...before, inFlight: 0 });
      },
    ),
    { numRuns: propertyRuns(30, 500) },
  );
});

function fail(): never {
  throw new Error("the pool is missing");
}

function heldBy({ pools }: Served) {
  const endpoints = pools.get("a")?.state.snapshot().endpoints ?? [];
  return {
    inFlight: endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0),
    blocks: endpoints.reduce((sum, { prefixBlocks }) => sum + prefixBlocks, 0),
  };
}
