import { describe, expect, test } from "@jest/globals";
import { readTopology, type TopologyOptions } from "@umbra/envoy-config";

const pool = (namespace: string) =>
  `---\napiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: llama, namespace: ${namespace}}\nspec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]}\n`;

function errors(text: string, options: TopologyOptions): readonly string[] {
  return readTopology([{ name: "x", text }], { ...options, isGatewayNeeded: false })
    .diagnostics.filter(({ severity, code }) => severity === "error" && code === "UMB0207")
    .map(({ message }) => message);
}

const given: readonly [string, (names: readonly string[]) => TopologyOptions][] = [
  ["--endpoints", (names) => ({ endpoints: new Map(names.map((name) => [name, ["10.0.0.1:1"]])) })],
  ["--pick-mode", (names) => ({ pickModes: new Map(names.map((name) => [name, "headers"])) })],
  [
    "--metrics-path, --metrics-port or --metrics-scheme",
    (names) => ({ metricsPlaces: new Map(names.map((name) => [name, { port: 9000 }])) }),
  ],
  [
    "--picker",
    (names) => ({
      pickers: new Map(names.map((name) => [name, { address: "10.0.0.1:1", isTls: false }])),
    }),
  ],
];

describe.each(given)("%s", (flag, optionsOf) => {
  test("that names a resource twice is an error", () => {
    expect(errors(pool("default"), optionsOf(["llama", "default/llama"]))).toContain(
      `${flag} names a resource twice: as "llama" and as "default/llama"`,
    );
  });

  test("may give the full name of one, and a common short name for all others", () => {
    const text = pool("default") + pool("other");
    expect(errors(text, optionsOf(["llama", "default/llama"])).join()).not.toContain("twice");
    expect(errors(text, optionsOf(["llama", "default/llama", "other/llama"])).join()).toContain(
      "twice",
    );
  });
});
