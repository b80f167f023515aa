import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import {
  type BootstrapChange,
  directTopology,
  hasCrashingGuardOn,
  type JsonValue,
  readTopology,
  renderBootstrap,
  turnsOnCrashingGuard,
} from "@umbra/envoy-config";
import { crashingGuard } from "@umbra/envoy-config/internal";
import { parse, stringify } from "yaml";

const flat = { [crashingGuard]: true };
const nested = { envoy: { reloadable_features: { ext_proc_graceful_grpc_close: true } } };
const off = { [crashingGuard]: false };

function layers(...statics: readonly JsonValue[]): JsonValue {
  return {
    layered_runtime: {
      layers: statics.map((static_layer, index) => ({ name: `layer-${index}`, static_layer })),
    },
  };
}

describe("a bootstrap enables the guard", () => {
  const cases: readonly { name: string; bootstrap: JsonValue; want: boolean }[] = [
    { name: "with a flat key", bootstrap: layers(flat), want: true },
    { name: "with nested maps", bootstrap: layers(nested), want: true },
    {
      name: "with a key split at one dot",
      bootstrap: layers({ "envoy.reloadable_features": { ext_proc_graceful_grpc_close: true } }),
      want: true,
    },
    { name: "with text", bootstrap: layers({ [crashingGuard]: " True " }), want: true },
    { name: "in the last of several layers", bootstrap: layers({ a: 1 }, off, flat), want: true },
    { name: "in a layer before others", bootstrap: layers(nested, { a: 1 }), want: true },
    { name: "not if a later layer sets false", bootstrap: layers(flat, off), want: false },
    { name: "not with false", bootstrap: layers(off), want: false },
    { name: "not with a number", bootstrap: layers({ [crashingGuard]: 1 }), want: false },
    {
      name: "with both forms in one layer",
      bootstrap: layers({ ...off, ...nested }),
      want: true,
    },
    {
      name: "with protobuf's other spelling",
      bootstrap: { layeredRuntime: { layers: [{ staticLayer: flat }] } },
      want: true,
    },
    { name: "not without layers", bootstrap: { node: { id: "a" } }, want: false },
    {
      name: "not if the layers are not a list",
      bootstrap: { layered_runtime: { layers: 7 } },
      want: false,
    },
    { name: "not if a layer is null", bootstrap: layers(null), want: false },
    { name: "not if it is not a map", bootstrap: "bootstrap", want: false },
  ];

  test.each(cases)("$name", ({ bootstrap, want }) => {
    expect(turnsOnCrashingGuard(bootstrap)).toBe(want);
  });
});

test.each([
  { page: { entries: { [crashingGuard]: { final_value: "true" } } }, want: true },
  { page: { entries: { [crashingGuard]: { final_value: "false" } } }, want: false },
  { page: { entries: {} }, want: false },
  { page: {}, want: false },
  { page: undefined, want: false },
])("the page /runtime $page shows the guard on: $want", ({ page, want }) => {
  expect(hasCrashingGuardOn(page)).toBe(want);
});

test("no rendered bootstrap enables it", () => {
  const topology = directTopology({ primary: ["10.0.0.1:1"], shadow: ["10.0.0.2:1"], port: 8080 });
  expect(turnsOnCrashingGuard(parse(renderBootstrap(topology)))).toBe(false);
  const folder = new URL("../../../envoy/", import.meta.url);
  const goldens = globSync("*/envoy.yaml", { cwd: fileURLToPath(folder) });
  const on = goldens.filter((name) =>
    turnsOnCrashingGuard(parse(readFileSync(new URL(name, folder), "utf8"))),
  );
  expect(goldens.length).toBeGreaterThan(20);
  expect(on).toEqual([]);
});

describe("warns about an EnvoyProxy that enables the guard", () => {
  const runtime = layers(flat) as Readonly<Record<string, JsonValue>>;
  const guardPath = `/layered_runtime/layers/0/static_layer/${crashingGuard}`;
  const bootstraps: readonly { name: string; bootstrap: object; want: readonly string[] }[] = [
    {
      name: "by a merge",
      bootstrap: { type: "Merge", value: stringify(runtime) },
      want: ["warning UMB0330"],
    },
    {
      name: "by a replacement",
      bootstrap: { type: "Replace", value: stringify(runtime) },
      want: ["warning UMB0330"],
    },
    {
      name: "by a patch",
      bootstrap: { type: "JSONPatch", jsonPatches: [{ op: "add", path: guardPath, value: true }] },
      want: ["warning UMB0330"],
    },
    {
      name: "not by a patch that adds false",
      bootstrap: { type: "JSONPatch", jsonPatches: [{ op: "add", path: guardPath, value: false }] },
      want: [],
    },
  ];

  test.each(bootstraps)("$name", ({ bootstrap, want }) => {
    const proxy = {
      apiVersion: "gateway.envoyproxy.io/v1alpha1",
      kind: "EnvoyProxy",
      metadata: { name: "edge" },
      spec: { bootstrap },
    };
    const { diagnostics } = readTopology([{ name: "proxy.yaml", text: stringify(proxy) }]);
    const said = diagnostics.filter(({ code }) => code === "UMB0330");
    expect(said.map(({ severity, code }) => `${severity} ${code}`)).toEqual(want);
  });
});

test("does not warn about a merge that does not contain the guard", () => {
  const change: BootstrapChange = { kind: "merge", value: { node: { id: "edge" } } };
  const topology = directTopology({ primary: ["10.0.0.1:1"], shadow: [], port: 8080 });
  const envoy = { ...topology.envoy, bootstrap: change };
  const text = renderBootstrap({ ...topology, envoy });
  expect(turnsOnCrashingGuard(parse(text))).toBe(false);
});
