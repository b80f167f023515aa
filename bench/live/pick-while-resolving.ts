import { setTimeout as sleep } from "node:timers/promises";
import { pickCallHeaders } from "../harness/call-headers.ts";
import { exchangeOf } from "../harness/exchange.ts";
import { connectHttp2, type Http2Connection } from "../harness/http2-connection.ts";
import { medianWithInterval } from "../harness/median-interval.ts";
import { atMost, percentile } from "./figure.ts";
import { poolOf } from "./resources.ts";
import type { Row } from "./row.ts";
import type { Testbed } from "./testbed.ts";

const [routes, perSecond] = [500, 400];
/** Short windows, so that what else runs on the machine meets both kinds equally. */
const [pairs, windowSeconds] = [35, 2];
/** The p99.9 of the loop's delay needs one long window. */
const delaySeconds = 30;

export const pickWhileResolving: Row = {
  key: "pick",
  title: `pick while ${routes} routes are resolved every second, over idle`,
  mostSeconds: 300,
  async measure(begin) {
    const testbed = await begin.serving({ routes, endpoints: 16 });
    const address = { host: "127.0.0.1", port: testbed.grpcPort };
    const connection = await connectHttp2(address, pickCallHeaders(poolOf(0)));
    await picks(connection, 5);
    let changes = 0;
    const busyPicks = async (seconds: number) => {
      const [picked] = await Promise.all([
        picks(connection, seconds),
        changeEverySecond(testbed, changes, seconds),
      ]);
      changes += seconds;
      return picked;
    };
    const p99s: { readonly idle: number; readonly busy: number }[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const isIdleFirst = pair % 2 === 0;
      const before = isIdleFirst ? await picks(connection, windowSeconds) : [];
      const busy = await busyPicks(windowSeconds);
      // The last change is served by then.
      const idle = isIdleFirst ? before : await picks(connection, windowSeconds);
      p99s.push({ idle: percentile(idle, 0.99), busy: percentile(busy, 0.99) });
    }
    await testbed.metrics();
    await busyPicks(delaySeconds);
    const { loopDelayP999Ms } = await testbed.metrics();
    connection.close();
    const [idle, busy] = [p99s.map((each) => each.idle), p99s.map((each) => each.busy)];
    const ratio = medianWithInterval(p99s.map((each) => each.busy / each.idle));
    return [
      shown(`p99 of idle windows, median of ${pairs}`, idle),
      shown("p99 of windows with changes", busy),
      {
        ...atMost("ratio of each pair, median", ratio.median, 1.2),
        value: `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`,
      },
      atMost(`event-loop delay p99.9 in ${delaySeconds} s of changes`, loopDelayP999Ms, 10, "ms"),
    ];
  },
};

/** A figure without a bar. */
function shown(what: string, valuesMs: readonly number[]) {
  const { median, low, high } = medianWithInterval(valuesMs);
  const value = `${median.toFixed(2)} ms (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return { what, value, bar: "", isMet: true };
}

/** The configuration of all routes is resolved again for each change. */
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
