import { setTimeout as sleep } from "node:timers/promises";
import { steadyLoad } from "../../e2e/harness/load.ts";
import { atLeastPercent, atMost } from "./figure.ts";
import { quantile, since } from "./metrics.ts";
import { hostOf } from "./resources.ts";
import type { Row } from "./row.ts";
import { chatBody, type Testbed } from "./testbed.ts";

const [endpoints, changesPerSecond, requestsPerSecond] = [200, 20, 400];
const seconds = 20;

export const endpointChanges: Row = {
  key: "endpoints",
  title: `${endpoints} endpoints, ${changesPerSecond} changes/s, ${requestsPerSecond} requests/s: change to Envoy's ACK`,
  mostSeconds: 120,
  async measure(begin) {
    const testbed = await begin.serving({ routes: 1, endpoints });
    await load(testbed, 2_000);
    const [before, served] = [await testbed.metrics(), await testbed.served()];
    let isOver = false;
    const changes = change(testbed, () => isOver);
    const answers = await load(testbed, seconds * 1_000);
    isOver = true;
    const written = await changes;
    const after = await testbed.metrics();
    const acks = since(before.changeToAckS, after.changeToAckS);
    const seen = await testbed.served();
    const requests = seen.requests - served.requests;
    const astray = seen.elsewhere - served.elsewhere + (seen.unpicked - served.unpicked);
    return [
      atMost(
        `p50 of ${acks.count} ACKs of ${written} changes`,
        1_000 * quantile(acks, 0.5),
        20,
        "ms",
      ),
      atMost("p99", 1_000 * quantile(acks, 0.99), 100, "ms"),
      atMost(
        `failed of ${answers.length} requests`,
        answers.filter(({ status }) => status !== 200).length,
        0,
      ),
      atLeastPercent("served by the picked endpoint", 100 * (1 - astray / requests), 99.9),
    ];
  },
};

/** Takes an endpoint away and gives it back, at even times. Returns how many changes were made. */
async function change({ folder, endpoints: all }: Testbed, isOver: () => boolean): Promise<number> {
  const startedMs = performance.now();
  let made = 0;
  while (!isOver()) {
    const left = all.filter((_, i) => made % 2 === 1 || i !== made % all.length);
    folder.changePool(0, left);
    made++;
    await sleep(Math.max(0, startedMs + (made * 1_000) / changesPerSecond - performance.now()));
  }
  folder.changePool(0, all);
  return made;
}

function load({ origin }: Testbed, mostMs: number) {
  const isOver = async () => false;
  return steadyLoad(origin, requestsPerSecond, () => chatBody, { host: hostOf(0), isOver, mostMs });
}
