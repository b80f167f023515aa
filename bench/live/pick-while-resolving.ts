import { setTimeout as sleep } from "node:timers/promises";
import { pickCallHeaders } from "../harness/call-headers.ts";
import { median } from "../harness/child.ts";
import { exchangeOf } from "../harness/exchange.ts";
import { connectHttp2, type Http2Connection } from "../harness/http2-connection.ts";
import { atMost, percentile } from "./figure.ts";
import { poolOf } from "./resources.ts";
import type { Row } from "./row.ts";
import type { Testbed } from "./testbed.ts";

const [routes, rounds, secondsEach, perSecond] = [500, 5, 12, 400];

export const pickWhileResolving: Row = {
  key: "pick",
  title: `pick while ${routes} routes are resolved every second, over idle`,
  mostSeconds: 300,
  async measure(begin) {
    const testbed = await begin.serving({ routes, endpoints: 16 });
    const address = { host: "127.0.0.1", port: testbed.grpcPort };
    const connection = await connectHttp2(address, pickCallHeaders(poolOf(0)));
    await picks(connection, 5);
    const [ratios, delays]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const idle = await picks(connection, secondsEach);
      await testbed.metrics();
      const [busy] = await Promise.all([
        picks(connection, secondsEach),
        changeEverySecond(testbed, round * secondsEach, secondsEach),
      ]);
      delays.push((await testbed.metrics()).loopDelayP999Ms);
      ratios.push(percentile(busy, 0.99) / percentile(idle, 0.99));
    }
    connection.close();
    return [
      atMost(`ratio of p99, median of ${rounds}`, median(ratios), 1.2),
      atMost("event-loop delay p99.9, median", median(delays), 10, "ms"),
    ];
  },
};

async function changeEverySecond({ folder }: Testbed, first: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    folder.changeRoute((first + i) % routes, first + i + 1);
    await sleep(1_000);
  }
}

/** Ms of each pick of an open loop. */
async function picks(connection: Http2Connection, seconds: number): Promise<readonly number[]> {
  const exchange = exchangeOf("BUFFERED", 1_024);
  const running: Promise<number>[] = [];
  const startedMs = performance.now();
  let nextMs = startedMs;
  while (nextMs < startedMs + seconds * 1_000) {
    while (performance.now() < nextMs) await sleep(1);
    running.push(
      connection.play(exchange).then(({ tookMs, isFailed }) => {
        if (isFailed) throw new Error("a pick has failed");
        return tookMs;
      }),
    );
    nextMs += (-Math.log(1 - Math.random()) * 1_000) / perSecond;
  }
  return Promise.all(running);
}
