import { mirrorsByName, mirrorsOf, primaryPoolsOf, routesOf } from "../queries.ts";
import { ruleRef } from "../resolve/rule-of-route.ts";
import { inRule, type Report } from "../resources/report.ts";
import type { Mirror } from "../topology.ts";
import type { LintInput } from "./lint-input.ts";

/** Reports mirrors that affect the primary or have no effect. */
export function lintMirrors({ topology, places }: LintInput, sink: Report): void {
  const endpoints = new Map(
    topology.pools.map(({ name, endpoints }) => [name, new Set(endpoints)]),
  );
  const mirrors = mirrorsByName(topology);
  const told = new Set<Mirror>();
  for (const route of routesOf(topology)) {
    const primaries = primaryPoolsOf(route);
    const seen = new Set<string>();
    for (const mirror of mirrorsOf(route, mirrors)) {
      const { pool, perMillion } = mirror;
      const isTwice = seen.has(pool);
      seen.add(pool);
      const place = places.mirror(mirror);
      if (place === undefined || told.has(mirror)) continue;
      told.add(mirror);
      const report = inRule(sink, ruleRef(mirror.origin));
      if (perMillion === 0)
        report("info", "UMB0311", place, `the mirror to "${pool}" has a share of 0`);
      if (isTwice) report("warning", "UMB0310", place, `the rule already mirrors to "${pool}"`);
      if (primaries.includes(pool)) {
        const message = `the mirror goes to "${pool}", which also answers the rule's requests: mirrored requests use capacity that clients need`;
        report("warning", "UMB0303", place, message);
        continue;
      }
      for (const primary of primaries) {
        const shared = [...(endpoints.get(pool) ?? [])].filter((each) =>
          endpoints.get(primary)?.has(each),
        );
        if (shared.length === 0) continue;
        const message = `the shadow "${pool}" and the primary "${primary}" share ${some(shared)}: mirrored requests use capacity that clients need`;
        report("warning", "UMB0305", place, message);
      }
    }
  }
}

function some(endpoints: readonly string[]): string {
  const more = endpoints.length - 3;
  return `${endpoints.slice(0, 3).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
