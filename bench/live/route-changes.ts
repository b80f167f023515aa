import { atMost, percentile } from "./figure.ts";
import type { Begin, Row } from "./row.ts";
import { ask, type Testbed } from "./testbed.ts";

const changes = 100;

export const routeChanges: readonly Row[] = [
  row("route-500", 500, 500),
  row("route-2000", 2_000, 1_500),
];

function row(key: string, routes: number, barMs: number): Row {
  return {
    key,
    title: `one HTTPRoute of ${routes} changed, until a request uses it`,
    mostSeconds: 300,
    async measure(begin: Begin) {
      const testbed = await begin.serving({ routes, endpoints: 16 });
      const tookMs: number[] = [];
      for (let i = 1; i <= changes; i++) {
        tookMs.push(await changeOf(testbed, (i * 7) % routes, i));
      }
      return [
        { ...atMost("p50", percentile(tookMs, 0.5), barMs, "ms"), bar: "", isMet: true },
        atMost(`p99 of ${changes}`, percentile(tookMs, 0.99), barMs, "ms"),
      ];
    },
  };
}

/** Ms until the first answer with the new header. */
async function changeOf(testbed: Testbed, route: number, generation: number): Promise<number> {
  const startedMs = performance.now();
  testbed.folder.changeRoute(route, generation);
  while ((await ask(testbed, route)).generation !== generation) {
    if (performance.now() - startedMs > 20_000) throw new Error("a change is not used after 20 s");
  }
  return performance.now() - startedMs;
}
