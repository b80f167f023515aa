import { atMost } from "./figure.ts";
import type { Row } from "./row.ts";

const [routes, all, first] = [100, 4_000, 400];

export const memoryOfChanges: Row = {
  key: "memory",
  title: `${all} changes of a single route: resident memory over that after ${first}`,
  mostSeconds: 900,
  async measure(begin) {
    const testbed = await begin.serving({ routes, endpoints: 16 });
    let early = testbed.memory();
    for (let i = 1; i <= all; i++) {
      const before = await testbed.generation();
      testbed.folder.changeRoute(i % routes, i);
      await testbed.settled(before + 1);
      if (i === first) early = testbed.memory();
    }
    const late = testbed.memory();
    const figure = (name: "sidecar" | "envoy", title: string) =>
      atMost(
        `${title}: ${late[name].toFixed(0)} MB over ${early[name].toFixed(0)} MB`,
        late[name] / early[name],
        1.15,
      );
    return [figure("sidecar", "sidecar"), figure("envoy", "Envoy")];
  },
};
