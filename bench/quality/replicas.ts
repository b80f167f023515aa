import { createPool, type PoolState } from "@umbra/scheduler";
import { type Policy, pickedFrom, type World } from "./policies.ts";

/** How peers tell each other; undefined: they don't. */
export interface Exchange {
  /** Time between two reports of a peer, in ms. */
  readonly everyMs: number;
  /** Time until a report arrives, in ms. */
  readonly delayMs: number;
}

/** Several processes that pick in one pool. Each has a state of its own, and gets requests at random. */
export function replicated(count: number, exchange: Exchange | undefined): Policy {
  const name = `${count} ${exchange === undefined ? "alone" : "exchanging"}`;
  return {
    name,
    create(world) {
      const { now, random, addresses } = world;
      const replicas = Array.from({ length: count }, (_, i) => {
        const pool = createPool({ name: `picker ${i}`, now, random, promptSeed: 1 });
        pool.setEndpoints(addresses);
        return pool;
      });
      if (exchange !== undefined && count > 1) exchangeReports(replicas, exchange, world);
      return {
        pick: (request) => pickedFrom(replicas[Math.floor(random() * count)] as PoolState, request),
        scraped: replicas.map(
          (pool) => (address, metrics, startedMs) => pool.recordScrape(address, metrics, startedMs),
        ),
      };
    },
  };
}

function exchangeReports(
  replicas: readonly PoolState[],
  { everyMs, delayMs }: Exchange,
  { schedule }: World,
): void {
  for (const [i, pool] of replicas.entries()) {
    const tell = (): void => {
      const report = pool.takeReport();
      schedule(() => {
        for (const other of replicas) if (other !== pool) other.recordReport(pool.name, report);
      }, delayMs);
      schedule(tell, everyMs);
    };
    schedule(tell, (i * everyMs) / replicas.length);
  }
}
