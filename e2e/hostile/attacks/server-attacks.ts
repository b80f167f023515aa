import { setTimeout as sleep } from "node:timers/promises";
import type { Attack } from "../attack.ts";
import type { Behaviour } from "../hostile-server.ts";
import { untilAborted } from "../repeat.ts";

type Who = "shadow" | "endpoint";

function behaving(who: Who, name: string, behaviour: Partial<Behaviour>): Attack {
  return {
    name,
    way: who,
    async run(target, signal) {
      target.behave(who, behaviour);
      await untilAborted(signal);
      target.behaveWell();
      return undefined;
    },
  };
}

const answer = (name: string, kind: Behaviour["answer"]) =>
  behaving("shadow", name, { answer: kind });

/** Every kind of hostile shadow. */
export const shadowAttacks: readonly Attack[] = [
  answer("60 MiB of gzip an answer", "gzip60"),
  answer("1,000 MiB of gzip an answer", "gzip1000"),
  answer("deltas as fast as they are read", "flood"),
  answer("empty lines as fast as they are read", "smallLines"),
  answer("one line without end", "endlessLine"),
  answer("lines of 1 MB of brackets", "deepLines"),
  answer("2 MiB of brackets", "deepBody"),
  answer("80,000 distinct keys", "manyKeys"),
  answer("a slow drip", "drip"),
  answer("one byte at a time", "bytes"),
  answer("resets at once", "reset"),
  answer("resets in the middle", "resetLater"),
  answer("endless headers", "endlessHeaders"),
  answer("200 headers", "manyHeaders"),
  answer("usage beyond all numbers", "hugeUsage"),
  answer("usage of words", "wordyUsage"),
  answer("no answer", "hang"),
  answer("errors", "refused"),
];

/** Pages of an endpoint that may be one of the shadow's or of the primary's. */
export const pageAttacks: readonly Attack[] = [
  behaving("shadow", "a wide metrics page of the shadow", { metrics: "wide" }),
  behaving("shadow", "escapes on the metrics page of the shadow", { metrics: "escapes" }),
  behaving("endpoint", "a wide metrics page", { metrics: "wide" }),
  behaving("endpoint", "8,000 adapters a line", { metrics: "adapters" }),
  behaving("endpoint", "a page of short lines", { metrics: "shortLines" }),
  behaving("endpoint", "a page of 100 MB", { metrics: "endless" }),
  behaving("endpoint", "a compressed page", { metrics: "gzip" }),
  behaving("endpoint", "a page that hangs", { metrics: "hang" }),
  behaving("endpoint", "a page that drips", { metrics: "drip" }),
  behaving("endpoint", "a page that is reset", { metrics: "reset" }),
  behaving("endpoint", "a list of 100,000 models", { models: "many" }),
  behaving("endpoint", "a list of brackets", { models: "deep" }),
  behaving("endpoint", "a list that hangs", { models: "hang" }),
];

/** The pages of one endpoint stay its own: another of its pool is read as often as before. */
export const isolation: Attack = {
  name: "one endpoint's pages delay no other's",
  way: "endpoint",
  async run(target, signal) {
    target.behave("endpoint", { metrics: "wide" });
    let oldestS = 0;
    await sleep(1_000, undefined, { signal }).catch(() => {});
    while (!signal.aborted) {
      oldestS = Math.max(oldestS, youngestAgeS(await target.metrics()));
      await sleep(200, undefined, { signal }).catch(() => {});
    }
    target.behaveWell();
    return oldestS < 1 ? undefined : `the other endpoint's metrics were ${oldestS} s old`;
  },
};

/** Of the endpoint of the primary pool whose metrics are newest, in seconds. */
function youngestAgeS(metrics: string): number {
  const ages = metrics
    .split("\n")
    .filter((line) => /^umbra_endpoint_metrics_age_seconds\{[^}]*pool="[^"]*pool"/.test(line))
    .map((line) => Number(line.slice(line.lastIndexOf(" "))));
  return Math.min(...ages);
}
