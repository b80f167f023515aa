import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../e2e/harness/until.ts";
import type { FigureRow } from "../harness/figure-rows.ts";
import { atMost, percentile } from "../live/figure.ts";
import { hostOf, podName, probeHost, probePod } from "./cluster.ts";
import type { Testbed } from "./testbed.ts";

/** What is done with a testbed that is stopped afterwards, whatever way it ends. */
export type Row = FigureRow<Testbed>;

const [startPods, startRoutes] = [200, 500];

const coldStart: Row = {
  key: "start",
  title: `${startPods} pods, ${startRoutes} routes: start of sidecar and Envoy`,
  mostSeconds: 300,
  async measure(testbed) {
    await testbed.startCluster({ pods: startPods, routes: startRoutes });
    const startedMs = performance.now();
    const since = (): number => (performance.now() - startedMs) / 1_000;
    testbed.startEnvoy();
    testbed.startSidecar();
    const serving = testbed.serving().then(since);
    await testbed.settled();
    const settledS = since();
    const servingS = await serving;
    const cpu = `sidecar's CPU: ${testbed.sidecarCpuS().toFixed(1)} s`;
    await sleep(5_000);
    return [
      atMost("until the sidecar serves", servingS, 4, "s"),
      atMost(`until Envoy has taken all (${cpu})`, settledS, 6, "s"),
      atMost("resident memory of the sidecar, 5 s later", testbed.sidecarMb(), 200, "MB"),
    ];
  },
};

const [churnPods, churnRounds, churnEveryMs] = [200, 100, 50];

/** The pool of the measured pod has no other: until the pod is picked, its requests are refused. */
const churn: Row = {
  key: "churn",
  title: `${churnPods} pods, one leaving each ${churnEveryMs} ms: from PATCH to first pick`,
  mostSeconds: 300,
  async measure(testbed) {
    await serve(testbed, { pods: churnPods, routes: 50 });
    const { cluster } = testbed;
    const changing = startFlapping(testbed, churnPods, churnEveryMs);
    const tookMs: number[] = [];
    for (let round = 0; round < churnRounds; round++) {
      await cluster.setReady(probePod, false);
      await until("it is not picked", async () => (await testbed.ask(probeHost)).status !== 200);
      const startedMs = performance.now();
      const patched = cluster.setReady(probePod, true);
      while ((await testbed.ask(probeHost)).status !== 200) await sleep(2);
      tookMs.push(performance.now() - startedMs);
      await patched;
    }
    await changing.stop();
    return [
      atMost(`p50 of ${churnRounds}`, percentile(tookMs, 0.5), 50, "ms"),
      atMost(`p99 of ${churnRounds}`, percentile(tookMs, 0.99), 200, "ms"),
    ];
  },
};

const [manyRoutes, routeChanges] = [5_000, 10];

const routes: Row = {
  key: "routes",
  title: `${manyRoutes} routes: memory, and a change of one of them`,
  mostSeconds: 900,
  async measure(testbed) {
    await serve(testbed, { pods: 200, routes: manyRoutes });
    await sleep(5_000);
    const startMb = testbed.sidecarMb();
    const tookMs: number[] = [];
    for (let change = 1; change <= routeChanges; change++) {
      const route = change * 37;
      const startedMs = performance.now();
      await testbed.cluster.changeRoute(route, change);
      const isThere = async (): Promise<boolean> =>
        (await testbed.ask(hostOf(route))).generation === change;
      await until("the change is there", isThere, 60_000);
      tookMs.push(performance.now() - startedMs);
    }
    return [
      atMost("resident memory of the sidecar, 5 s after the start", startMb, 400, "MB"),
      atMost("resident memory after the changes", testbed.sidecarMb(), 400, "MB"),
      atMost(`slowest of ${routeChanges} changes`, Math.max(...tookMs) / 1_000, 3, "s"),
    ];
  },
};

const [flapPods, flapSeconds, flapRate, flapEveryMs] = [100, 30, 200, 50];

/** Each pod leaves every 5 s and comes back; its model server stays, so that no request may fail. */
const flap: Row = {
  key: "flap",
  title: `${flapPods} pods flapping for ${flapSeconds} s under ${flapRate} requests a second`,
  mostSeconds: 300,
  async measure(testbed) {
    await serve(testbed, { pods: flapPods, routes: 50 });
    const changing = startFlapping(testbed, flapPods, flapEveryMs);
    const answers: Promise<{ readonly status: number }>[] = [];
    const startedMs = performance.now();
    while (performance.now() - startedMs < flapSeconds * 1_000) {
      const due = ((performance.now() - startedMs) / 1_000) * flapRate;
      while (answers.length < due) answers.push(testbed.ask(hostOf(answers.length % 50)));
      await sleep(5);
    }
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    const changes = await changing.stop();
    const failed = statuses.filter((status) => status !== 200);
    const others = [...new Set(failed)].join(", ");
    const what = failed.length === 0 ? "failed" : `failed (status ${others})`;
    return [
      atMost(
        `${what}, of ${statuses.length} requests while pods left ${changes} times`,
        failed.length,
        0,
      ),
    ];
  },
};

export const rows: readonly Row[] = [coldStart, churn, routes, flap];

async function serve(
  testbed: Testbed,
  size: { readonly pods: number; readonly routes: number },
): Promise<void> {
  await testbed.startCluster(size);
  testbed.startEnvoy();
  testbed.startSidecar();
  await testbed.settled();
  const isServed = async (): Promise<boolean> => (await testbed.ask(hostOf(0))).status === 200;
  await until("requests are answered", isServed, 60_000);
}

interface Flapping {
  /** Ends it, and returns how many pods have left. */
  stop(): Promise<number>;
}

/** How many pods are away at the same time. Those of a pool are at least 25 pods apart, so that each pool keeps some. */
const awayPods = 30;

/** Makes a pod leave each `everyMs`, which comes back when `awayPods` others have left. */
function startFlapping(testbed: Testbed, pods: number, everyMs: number): Flapping {
  const { cluster } = testbed;
  let isOver = false;
  const run = async (): Promise<number> => {
    const startedMs = performance.now();
    for (let step = 0; ; step++) {
      if (isOver) return step;
      await cluster.setReady(podName(step % pods), false);
      if (step >= awayPods) await cluster.setReady(podName((step - awayPods) % pods), true);
      const dueMs = (step + 1) * everyMs - (performance.now() - startedMs);
      if (dueMs > 0) await sleep(dueMs);
    }
  };
  const running = run();
  // A row that has failed stops the API server before this ends.
  running.catch(() => undefined);
  return {
    async stop() {
      isOver = true;
      return running;
    },
  };
}
