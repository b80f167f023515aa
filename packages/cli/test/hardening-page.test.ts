import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { directTopology, renderBootstrap } from "@umbra/envoy-config";
import { envoySettings, settingText } from "@umbra/envoy-config/internal";
import { parse } from "yaml";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const page = read("docs/hardening.md");

/** The cells of the settings table. */
const [settingsSection = ""] = page.split("## Other defaults");
const rows = [...settingsSection.matchAll(/^\| `(\w+)`\s*\|(.*)\|$/gm)].map(
  ([, name = "", rest = ""]) => [name, ...rest.split(" | ").map((cell) => cell.trim())],
);

test("docs/hardening.md lists exactly the settings, with default, bounds and reason", () => {
  expect(rows).toEqual(
    envoySettings.map((setting) => [
      setting.name,
      `\`${setting.standard}\``,
      settingText(setting),
      setting.reason,
    ]),
  );
});

test("the CRD of EnvoySettings has exactly the settings, with their reasons", () => {
  const definition = parse(read("deploy/crds/envoysettings.umbra.dev.yaml")) as {
    spec: { versions: [{ schema: { openAPIV3Schema: { properties: { spec: Schema } } } }] };
  };
  const { properties } = definition.spec.versions[0].schema.openAPIV3Schema.properties.spec;
  const known = Object.entries(properties).map(([name, each]) => [name, each.description]);
  expect(known).toEqual(envoySettings.map(({ name, reason }) => [name, reason]));
});

interface Schema {
  readonly properties: Readonly<Record<string, { description: string }>>;
}

test("--comments prints the reason of every setting once and changes nothing else", () => {
  const topology = directTopology({
    primary: ["10.0.0.1:8000"],
    shadow: ["10.0.0.2:8000"],
    port: 8080,
  });
  const options = { trustedHops: 1, statsListener: "127.0.0.1:9102" };
  const plain = renderBootstrap(topology, options);
  const explained = renderBootstrap(topology, options, { hasComments: true });
  // A setting of the sidecar, which is not in Envoy's bootstrap.
  const ofEnvoy = envoySettings.filter(({ name }) => name !== "sidecarMemory");
  for (const { reason } of ofEnvoy) expect(explained.split(`# ${reason}\n`)).toHaveLength(2);
  expect(explained.replaceAll(/^ *# (?!Rendered).*\n/gm, "")).toBe(plain);
  expect(plain.match(/#/g)).toHaveLength(1);
});
