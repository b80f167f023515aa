import { setTimeout as sleep } from "node:timers/promises";
import { steadyLoad } from "../../e2e/harness/load.ts";
import { atMost } from "./figure.ts";
import { hostOf } from "./resources.ts";
import type { Row } from "./row.ts";
import { chatBody } from "./testbed.ts";

const requestsPerSecond = 200;
const modified = ["cluster_manager.cluster_modified", "listener_manager.listener_modified"];

export const killedSidecar: Row = {
  key: "killed",
  title: `sidecar killed with -9 and back, nothing changed, ${requestsPerSecond} requests/s, FailOpen`,
  mostSeconds: 90,
  async measure(begin) {
    const testbed = await begin.serving({ routes: 20, endpoints: 16 });
    const before = await Promise.all(modified.map(testbed.envoyStat));
    let isOver = false;
    const load = steadyLoad(testbed.origin, requestsPerSecond, () => chatBody, {
      host: hostOf(0),
      isOver: async () => isOver,
      mostMs: 60_000,
    });
    await sleep(2_000);
    await testbed.killSidecar();
    await sleep(1_000);
    await testbed.startSidecar();
    await testbed.settled();
    await sleep(2_000);
    isOver = true;
    const answers = await load;
    const after = await Promise.all(modified.map(testbed.envoyStat));
    const failed = answers.filter(({ status }) => status !== 200);
    return [
      atMost(`failed of ${answers.length} requests`, failed.length, 2),
      ...["clusters", "listeners"].map((what, i) =>
        atMost(`modified ${what}`, (after[i] ?? Number.NaN) - (before[i] ?? 0), 0),
      ),
    ];
  },
};
