import { Agent } from "undici";
import { chat, post } from "../harness/client.ts";

/** What honest clients saw while something else continued. */
export interface Honest {
  readonly served: number;
  readonly failed: number;
  /** Of those that were served, in ms; a client's whole patience where none was. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Statuses and texts of some failures. */
  readonly failures: readonly string[];
}

export interface HonestLoad {
  /** Sends no more, and waits for those under way. */
  stop(): Promise<Honest>;
}

const perSecond = 20;
/** A client that has waited so long has failed. */
const patienceMs = 30_000;

/** Sends requests at a fixed rate, whatever becomes of those before: half of them streamed, as clients do. */
export function startHonestLoad(origin: string): HonestLoad {
  const dispatcher = new Agent({ connections: 500, pipelining: 1 });
  const startedMs = performance.now();
  const under = new Set<Promise<void>>();
  const tookMs: number[] = [];
  const failures: string[] = [];
  let sent = 0;

  async function send(index: number): Promise<void> {
    const body = chat({ model: "m", isStream: index % 2 === 0 });
    const signal = AbortSignal.timeout(patienceMs);
    const seen = await post(origin, body, { signal, dispatcher });
    if (seen.status === 200) tookMs.push(seen.tookMs);
    else failures.push(`${seen.status} ${seen.text.slice(0, 120)}`);
  }

  const timer = setInterval(() => {
    const due = ((performance.now() - startedMs) / 1_000) * perSecond;
    while (sent < due) {
      const one = send(sent++).finally(() => under.delete(one));
      under.add(one);
    }
  }, 5);

  return {
    async stop() {
      clearInterval(timer);
      // Each gives up after its patience.
      while (under.size > 0) await Promise.all(under);
      await dispatcher.destroy();
      tookMs.sort((a, b) => a - b);
      return {
        ...{ served: tookMs.length, failed: failures.length },
        ...{ p50Ms: quantile(tookMs, 0.5), p99Ms: quantile(tookMs, 0.99) },
        failures: [...new Set(failures)].slice(0, 3),
      };
    },
  };
}

/** A client's patience where there is none: what goes between processes has no NaN. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? patienceMs;
}
