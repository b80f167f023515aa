import { describe, expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";

const config = (name: string) => `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: ${name}}]
`;
const indented = (text: string, by: number) => text.replaceAll(/^(?=.)/gm, " ".repeat(by));

const pool = (name: string, namespace = "default") => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, namespace: ${namespace}, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {selector: {matchLabels: {app: a}}, targetPorts: [{number: 8000}]}
`;

const configMap = (files: Readonly<Record<string, string>>, name = "epp") => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}}
data:
${Object.entries(files)
  .map(([key, text]) => `  ${key}: |\n${indented(text, 4)}`)
  .join("")}`;

const deployment = (args: readonly string[], volumes = "[]") => `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: picker}
spec:
  template:
    spec:
      containers: [{name: epp, args: ${JSON.stringify(args)}}]
      volumes: ${volumes}
`;

function read(...parts: readonly string[]) {
  const { topology, diagnostics } = readTopology([{ name: "x", text: parts.join("") }], {
    isGatewayNeeded: false,
  });
  const typeOf = (value: unknown) =>
    (value as { plugins: readonly { type: string }[] } | undefined)?.plugins[0]?.type;
  return {
    types: Object.fromEntries(
      topology.pools.map(({ resourceName, pickerConfig }) => [resourceName, typeOf(pickerConfig)]),
    ),
    found: diagnostics
      .filter(({ severity, code }) => severity === "error" || code === "UMB0255")
      .map(({ severity, code, line }) => `${severity} ${code} at ${line}`),
  };
}

describe("the EndpointPickerConfig of a chart", () => {
  test("is used if it is the only one in a ConfigMap of the pool's namespace", () => {
    const parts = [pool("llama"), pool("far", "other"), configMap({ "plugins.yaml": config("a") })];
    expect(read(...parts)).toEqual({
      types: { llama: "a", far: undefined },
      found: ["info UMB0255 at 16"],
    });
  });

  test("is the charts' default file if a ConfigMap has several", () => {
    const files = { "payload-agnostic.yaml": config("a"), "default-plugins.yaml": config("b") };
    expect(read(pool("llama"), configMap(files)).types).toEqual({ llama: "b" });
  });

  test("is not guessed if a ConfigMap has several and none is the default file", () => {
    const files = { "one.yaml": config("a"), "two.yaml": config("b") };
    expect(read(pool("llama"), configMap(files))).toEqual({
      types: { llama: undefined },
      found: ["warning UMB0255 at 11", "warning UMB0255 at 15"],
    });
  });

  test.each([
    ["--pool-name llama --config-file /config/two.yaml"],
    ["--pool-name=llama --config-file=/config/two.yaml"],
    ["-poolName llama -configFile /config/two.yaml"],
  ])("is the file in the picker's arguments: %s", (args) => {
    const files = { "one.yaml": config("a"), "two.yaml": config("b") };
    const parts = [pool("llama"), pool("phi"), configMap(files), deployment(args.split(" "))];
    expect(read(...parts).types).toEqual({ llama: "b", phi: undefined });
  });

  test("comes from the ConfigMap that the picker mounts", () => {
    const args = ["--pool-name", "llama", "--config-file", "/config/plugins.yaml"];
    const parts = [
      configMap({ "plugins.yaml": config("a") }, "others"),
      configMap({ "plugins.yaml": config("b") }, "mine"),
      deployment(args, "[{name: c, configMap: {name: mine}}]"),
    ];
    expect(read(pool("llama"), ...parts).types).toEqual({ llama: "b" });
  });

  test("is the text in the picker's arguments", () => {
    const args = ["--pool-name", "llama", "--config-text", config("a")];
    expect(read(pool("llama"), deployment(args)).types).toEqual({ llama: "a" });
  });

  test("is reported by name if no ConfigMap contains the file", () => {
    const args = ["--pool-name", "llama", "--config-file", "/config/plugins.yaml"];
    expect(read(pool("llama"), deployment(args)).found).toEqual(["warning UMB0255 at 8"]);
  });

  test.each([
    ["router: {epp: {", "}}"],
    ["inferenceExtension: {", "}"],
  ])("comes from its values: %s…%s", (before, after) => {
    const values = `---\n${before}pluginsConfigFile: mine.yaml, pluginsCustomConfig: ${JSON.stringify({ "mine.yaml": config("a"), "other.yaml": config("b") })}${after}\n`;
    expect(read(pool("llama"), values).types).toEqual({ llama: "a" });
  });

  test("is overridden by a separate document", () => {
    const own = `---\n${config("own")}`;
    expect(read(pool("llama"), own, configMap({ "plugins.yaml": config("a") }))).toEqual({
      types: { llama: "own" },
      found: ["info UMB0255 at 15"],
    });
  });

  test("is a warning if it is invalid", () => {
    const broken = `kind: EndpointPickerConfig\nplugins: [\n`;
    expect(read(pool("llama"), configMap({ "plugins.yaml": broken })).found).toEqual([
      "warning UMB0255 at 11",
    ]);
  });

  test("is a warning if its aliases expand to too much", () => {
    const lines = Array.from(
      { length: 12 },
      (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`,
    );
    const bomb = `kind: EndpointPickerConfig\na0: &a0 [x,x,x]\n${lines.join("\n")}\n`;
    expect(read(pool("llama"), configMap({ "plugins.yaml": bomb })).found).toEqual([
      "warning UMB0255 at 11",
    ]);
  });

  describe("with a plugin that Umbra does not have", () => {
    const options = {
      isGatewayNeeded: false,
      checkPickerConfig: (value: unknown) =>
        JSON.stringify(value).includes("unknown")
          ? [{ path: ["plugins", 0, "type"], message: "is not known" }]
          : [],
    };
    const found = (...parts: readonly string[]) => {
      const { topology, diagnostics } = readTopology(
        [{ name: "x", text: parts.join("") }],
        options,
      );
      const picked = topology.pools.map(({ pickerConfig }) => pickerConfig !== undefined);
      const told = diagnostics.filter(({ code }) => code === "UMB0255" || code === "UMB0211");
      return { picked, told };
    };
    const args = ["--pool-name", "llama", "--config-text", config("unknown")];

    test.each([
      ["in a ConfigMap", configMap({ "plugins.yaml": config("unknown") })],
      ["in the picker's arguments", deployment(args)],
      [
        "in values",
        `---\nrouter: {epp: {pluginsConfigFile: a.yaml, pluginsCustomConfig: ${JSON.stringify({ "a.yaml": config("unknown") })}}}\n`,
      ],
    ])("is a warning, and the pool uses the default profile: %s", (_name, part) => {
      const { picked, told } = found(pool("llama"), part);
      expect(picked).toEqual([false]);
      expect(told).toMatchObject([{ severity: "warning", code: "UMB0255" }]);
      expect(told[0]?.message).toContain("`plugins[0].type` is not known");
      expect(told[0]?.remedy).toContain("metadata.name: llama");
    });

    test("is overridden by a document for the pool, whose errors are reported", () => {
      const own = (type: string) =>
        `---\n${config(type).replace("plugins", "metadata: {name: llama}\nplugins")}`;
      const embedded = configMap({ "plugins.yaml": config("unknown") });
      expect(found(pool("llama"), own("a"), embedded)).toMatchObject({
        picked: [true],
        told: [{ severity: "info" }],
      });
      expect(found(pool("llama"), own("unknown")).told).toMatchObject([
        { severity: "error", code: "UMB0211" },
      ]);
    });
  });

  test("is not found in a ConfigMap that only mentions one", () => {
    expect(read(pool("llama"), configMap({ "notes.txt": "about EndpointPickerConfig" }))).toEqual({
      types: { llama: undefined },
      found: [],
    });
  });
});
