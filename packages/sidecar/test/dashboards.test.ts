import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { parse } from "yaml";

const read = (path: string) =>
  readFileSync(new URL(`../../../deploy/${path}`, import.meta.url), "utf8");

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: { readonly summary?: string; readonly description?: string };
    }[];
  }[];
}

test("dashboard and alerts only use metrics of the sidecar", async () => {
  const topology = directTopology({ primary: ["127.0.0.1:9"], shadow: ["127.0.0.1:9"], port: 80 });
  const sidecar = await startSidecar({
    topology,
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
  });
  try {
    const page = await (await fetch(`http://${sidecar.adminAddress}/metrics`)).text();
    const known = new Set([...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const asked = [
      ...`${read("grafana/umbra.json")}${read("prometheus/umbra-alerts.yaml")}`.matchAll(
        /umbra_[a-z0-9_]+/g,
      ),
    ].map(([name]) => name.replace(/_(?:bucket|sum|count)$/, ""));
    expect(asked.length).toBeGreaterThan(20);
    expect([...new Set(asked)].filter((name) => !known.has(name))).toEqual([]);
  } finally {
    await sidecar.close(0);
  }
});

test("every alert has a description and advice, and panels have unique ids", () => {
  const { groups } = parse(read("prometheus/umbra-alerts.yaml")) as Rules;
  for (const { alert, annotations } of groups.flatMap(({ rules }) => rules)) {
    expect([alert, annotations.summary?.length, annotations.description?.length]).toEqual([
      alert,
      expect.any(Number),
      expect.any(Number),
    ]);
  }
  const { panels } = JSON.parse(read("grafana/umbra.json")) as {
    readonly panels: readonly { readonly id: number }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
});
