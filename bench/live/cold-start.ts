import { median } from "../harness/child.ts";
import { atMost } from "./figure.ts";
import type { Row } from "./row.ts";

const [routes, rounds] = [2_000, 3];

export const coldStart: Row = {
  key: "start",
  title: `${routes} routes: start of sidecar and Envoy until all is accepted`,
  mostSeconds: 120,
  async measure(begin) {
    const tookMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const testbed = await begin.stopped({ routes, endpoints: 16 });
      const startedMs = performance.now();
      testbed.startEnvoy();
      await testbed.startSidecar();
      await testbed.settled();
      tookMs.push(performance.now() - startedMs);
      await testbed.stop();
    }
    return [atMost(`median of ${rounds}`, median(tookMs) / 1_000, 4, "s")];
  },
};
