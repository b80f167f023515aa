import { describe, expect, test } from "@jest/globals";
import { createPoolRegistry, type ServedPools } from "../../src/pools/pool-registry.ts";
import type { ServedPool } from "../../src/pools/served-pool.ts";
import { pool, queueing, topologyOf } from "./topologies.ts";

const endpoints = ["10.0.0.1:80"];
const withQueue = (maxRequests: number, more: readonly string[] = endpoints) =>
  topologyOf(pool("a", more, { pickerConfig: queueing({ maxRequests }) }));

function registryOf(topology: Parameters<typeof createPoolRegistry>[0]): ServedPools {
  return createPoolRegistry(topology, { now: () => 0, random: () => 0, staleAfterMs: 2_000 });
}

function only({ only: found }: ServedPools): ServedPool {
  if (found === undefined) throw new Error("there is not just one pool");
  return found;
}

/** Lets requests wait in the queue of an empty pool; returns the outcomes so far. */
function wait({ queue, state }: ServedPool, count: number) {
  const outcomes: string[] = [];
  for (let i = 0; i < count; i++) {
    const turn = queue?.acquire({ priority: 0, bytes: 1 }, () => {
      const picked = state.pick({ model: "m" });
      return picked.ok ? picked.endpoint : undefined;
    });
    void turn?.then((each) => outcomes.push(each.ok ? each.value : each.code));
  }
  return outcomes;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("the queue of a pool", () => {
  test("takes over changed limits; requests that wait keep their turn", async () => {
    const pools = registryOf(withQueue(2, []));
    const first = wait(only(pools), 2);
    pools.begin(withQueue(1, []));
    const second = wait(only(pools), 2);
    await settled();
    expect(first).toEqual([]);
    expect(second).toEqual(["QUEUE_FULL"]);
    pools.begin(withQueue(1));
    pools.admitEndpoints();
    only(pools).queue?.poke();
    await settled();
    expect(second).toEqual(["QUEUE_FULL", ...endpoints]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(first).toEqual([...endpoints, ...endpoints]);
  });

  test("stays the same object while its settings do", () => {
    const pools = registryOf(withQueue(2));
    const { queue } = only(pools);
    pools.begin(withQueue(2, ["10.0.0.2:80"]));
    expect(only(pools).queue).toBe(queue);
    expect(queue).toBeDefined();
  });

  test("goes with the flow control, and comes with it", () => {
    const pools = registryOf(withQueue(2));
    pools.begin(topologyOf(pool("a", endpoints)));
    expect(only(pools).queue).toBeUndefined();
    pools.begin(withQueue(2));
    expect(only(pools).queue).toBeDefined();
  });

  test("is closed with all others, even if it was replaced", async () => {
    const pools = registryOf(withQueue(2, []));
    const first = wait(only(pools), 1);
    pools.begin(withQueue(1, []));
    const second = wait(only(pools), 1);
    pools.closeQueues();
    await settled();
    expect([...first, ...second]).toEqual(["SHUTTING_DOWN", "SHUTTING_DOWN"]);
  });

  test("gets its part of the memory for queues, which other pools change", async () => {
    const mebibyte = 2 ** 20;
    const configured = (name: string) => pool(name, [], { pickerConfig: queueing() });
    const acquire = (pools: ServedPools) => {
      const outcomes: string[] = [];
      const turn = pools.get("a")?.queue?.acquire({ priority: 0, bytes: 200 * mebibyte }, () => {
        return undefined;
      });
      void turn?.then((each) => outcomes.push(each.ok ? "ok" : each.code));
      return outcomes;
    };
    const pools = registryOf(topologyOf(configured("a"), configured("b")));
    const shared = acquire(pools);
    await settled();
    expect(shared).toEqual(["QUEUE_FULL"]);
    pools.begin(topologyOf(configured("a")));
    pools.retire();
    const alone = acquire(pools);
    await settled();
    expect(alone).toEqual([]);
    pools.closeQueues();
  });
});

describe("a pool", () => {
  test("is the same object until it is gone, and a new one after that", () => {
    const pools = registryOf(topologyOf(pool("a", endpoints)));
    const before = only(pools);
    pools.begin(topologyOf(pool("a", [], { onlyModel: "m" })));
    expect(only(pools)).toBe(before);
    expect(before.onlyModel).toBe("m");
    pools.begin(topologyOf());
    pools.retire();
    expect(pools.size).toBe(0);
    pools.begin(topologyOf(pool("a", endpoints)));
    pools.retire();
    expect(only(pools)).not.toBe(before);
  });

  test("stays while a stream that named it has not decided yet", () => {
    const pools = registryOf(topologyOf(pool("a", endpoints)));
    const stream = only(pools);
    stream.enter();
    pools.begin(topologyOf());
    pools.retire();
    expect(pools.get("a")).toBe(stream);
    expect(stream.state.pick({ model: "m" })).toMatchObject({ endpoint: endpoints[0] });
    stream.leave();
    expect(pools.get("a")).toBeUndefined();
  });

  test("that another picker serves from now on goes like one that is gone", () => {
    const pools = registryOf(topologyOf(pool("a", endpoints)));
    pools.begin(topologyOf(pool("a", endpoints, { picker: "none" })));
    expect([...pools.keys()]).toEqual(["a"]);
    pools.retire();
    expect([...pools.keys()]).toEqual([]);
  });

  test("with an invalid configuration changes nothing, in any pool", () => {
    const pools = registryOf(topologyOf(pool("a", endpoints), pool("b", endpoints)));
    const invalid = pool("b", endpoints, {
      pickerConfig: { plugins: [{ type: "no-such-plugin" }] },
    });
    expect(() => pools.begin(topologyOf(pool("a", []), invalid, pool("c", [])))).toThrow(
      /EndpointPickerConfig of pool b/,
    );
    pools.retire();
    expect([...pools.keys()]).toEqual(["a", "b"]);
    expect(pools.get("a")?.endpoints).toEqual(endpoints);
  });

  test("takes over a changed endpoint label without losing the endpoint's state", () => {
    const pools = registryOf(topologyOf(pool("a", endpoints)));
    const { state } = only(pools);
    state.pick({ model: "m" });
    const endpointLabels = { [endpoints[0] ?? ""]: { zone: "b" } };
    pools.begin(topologyOf(pool("a", endpoints, { endpointLabels })));
    expect(state.labelsOf(endpoints[0] ?? "")).toEqual({ zone: "b" });
    expect(state.snapshot().endpoints[0]?.inFlight).toBe(1);
  });
});
