import { expect, test } from "@jest/globals";
import { directTopology, renderAdsBootstrap, renderResources } from "@umbra/envoy-config";
import { parse } from "yaml";
import { caseNames, readCase } from "./golden-case.ts";

const topology = directTopology({ primary: ["10.0.0.1:80"], shadow: [], port: 8080 });
const bootstrap = renderAdsBootstrap(topology, { address: "unix:/run/ads.sock" });

test("26: nothing sets the fetch timeout, which stays at Envoy's 15 s: 0 may wait for ever for endpoints or routes", () => {
  expect(bootstrap).not.toContain("initial_fetch_timeout");
  for (const name of caseNames) {
    const { read, bootstrap: options } = readCase(name);
    const all = renderResources(read.topology, { ...options, certificates: read.certificates });
    const text = JSON.stringify(Object.values(all).map((each) => [...each]));
    expect([name, text.includes("initial_fetch_timeout")]).toEqual([name, false]);
  }
});

test("27: the cluster of ADS has no health check and no ejection: the sidecar is not serving before it has scraped", () => {
  const [cluster] = parse(bootstrap).static_resources.clusters;
  expect(cluster.name).toBe("umbra-ads");
  expect(cluster).not.toHaveProperty("health_checks");
  expect(cluster).not.toHaveProperty("outlier_detection");
  const picker = renderResources(topology).cds.get("umbra-picker");
  expect(picker).toHaveProperty("health_checks");
  expect(picker).toHaveProperty("outlier_detection");
});
