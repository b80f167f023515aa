import {
  createPool,
  type EndpointAnswer,
  type InferenceRequest,
  type PoolEvent,
  type PoolOptions,
} from "@umbra/scheduler";
import { metrics } from "./fixtures.ts";

/** A pool whose endpoints were all scraped, with its clock, its events and short ways to feed and read it. */
export function observedPool(
  addresses: readonly string[],
  { random = () => 0, ...overrides }: Partial<PoolOptions> = {},
) {
  const clock = { ms: 1_000 };
  const events: PoolEvent[] = [];
  const pool = createPool({
    name: "pool",
    now: () => clock.ms,
    random,
    staleAfterMs: 1e9,
    onEvent: (event) => events.push(event),
    ...overrides,
  });
  pool.setEndpoints(addresses);
  const scrape = (address: string, known = {}) =>
    pool.recordScrape(address, metrics({ scrapedAtMs: clock.ms, ...known }), clock.ms);
  for (const address of addresses) scrape(address);
  const of = (address: string) => {
    const found = pool.snapshot().endpoints.find((each) => each.address === address);
    if (found === undefined) throw new Error(address);
    return found;
  };
  const answer = (address: string, how: EndpointAnswer, times = 1) => {
    for (let i = 0; i < times; i++) pool.recordAnswer(address, how);
  };
  const pick = (request: InferenceRequest) => {
    const picked = pool.pick(request);
    if (!picked.ok) throw new Error(picked.code);
    return picked;
  };
  return { pool, clock, events, scrape, of, answer, pick };
}
