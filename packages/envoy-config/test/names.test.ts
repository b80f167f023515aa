import { describe, expect, test } from "@jest/globals";
import {
  decodeMirrors,
  directTopology,
  laneClusterName,
  mirrorToHeader,
  primaryClusterName,
  readTopology,
  renderBootstrap,
  resourceName,
  routesOf,
  shadowClusterName,
} from "@umbra/envoy-config";
import { clusterNameTags, encodeMirrors } from "../src/bootstrap/names.ts";
import { statName } from "../src/bootstrap/stats.ts";
import { isPoolCalled } from "../src/names.ts";
import { isCalled } from "../src/resource-ref.ts";
import { caseNames, resourcesOf } from "./golden-case.ts";

const topologies = caseNames.map((name) => readTopology(resourcesOf(name)).topology);

describe("mirror lists in stream metadata", () => {
  test.each([[[]], [["ns/r/0/mirror/0"]], [["ns/r/0/mirror/0", "ns/r/0/mirror/1-0"]]])(
    "decodes %j unchanged",
    (names) => {
      expect(decodeMirrors(encodeMirrors(names))).toEqual(names);
    },
  );
});

/** Extracts a label from a statistic's name as Envoy does. Dots in the cluster's name are underscores. */
function labelOf(tag: keyof typeof clusterNameTags, cluster: string): string | undefined {
  const statistic = `cluster.${statName(cluster)}.upstream_rq_total`;
  return new RegExp(clusterNameTags[tag]).exec(statistic)?.[2];
}

describe("Envoy's labels are the parts of the cluster names", () => {
  const mirrors = topologies.flatMap((each) => each.mirrors);

  test("of pools", () => {
    const pools = topologies.flatMap((each) => each.pools.map(({ name }) => name));
    expect(pools.length).toBeGreaterThan(20);
    expect(pools.map((name) => labelOf("pool", primaryClusterName(name)))).toEqual(
      pools.map(statName),
    );
    expect(labelOf("lane", primaryClusterName(pools[0] ?? ""))).toBe("primary");
  });

  test.each([shadowClusterName, laneClusterName])("of mirrors, by %p", (clusterOf) => {
    expect(mirrors.length).toBeGreaterThan(10);
    const names = mirrors.map(({ name }) => name);
    expect(names.map((name) => labelOf("mirror", clusterOf(name)))).toEqual(names.map(statName));
    expect(names.map((name) => labelOf("mirroredRoute", clusterOf(name)))).toEqual(
      mirrors.map(({ origin }) => statName(resourceName(origin.route))),
    );
  });
});

test("mirrors of one rule have different headers", () => {
  for (const topology of topologies) {
    const byName = new Map(topology.mirrors.map((each) => [each.name, each]));
    for (const { mirrors } of routesOf(topology)) {
      const headers = mirrors.flatMap((name) => {
        const mirror = byName.get(name);
        return mirror === undefined ? [] : mirrorToHeader(mirror);
      });
      expect(new Set(headers).size).toBe(mirrors.length);
    }
  }
});

test("a route uses the counters of its rule", () => {
  const direct = directTopology({ primary: ["10.0.0.1:80"], shadow: [], port: 8080 });
  expect(renderBootstrap(direct)).toContain("stat_prefix: default/direct/0\n");
});

test.each([
  ["llama", true],
  ["default/llama", true],
  ["ama", false],
  ["other/llama", false],
])("%s names default/llama: %s", (text, want) => {
  expect(isCalled({ namespace: "default", name: "llama" }, text)).toBe(want);
  expect(isPoolCalled("default/llama", text)).toBe(want);
});
