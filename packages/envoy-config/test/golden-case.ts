import { readdirSync, readFileSync } from "node:fs";
import {
  type BootstrapOptions,
  formatDiagnostic,
  readTopology,
  renderBootstrap,
  type TopologyOptions,
  type TopologyRead,
} from "@umbra/envoy-config";

/** The folder of golden cases. Each case is a folder named after its feature. */
export const casesFolder = new URL("../../../envoy/", import.meta.url);

export const caseNames: readonly string[] = readdirSync(casesFolder);

/** The output files of a case, if there is output. */
export const outputNames = ["diagnostics.txt", "topology.json", "envoy.yaml"] as const;

export type CaseOutput = Partial<Record<(typeof outputNames)[number], string>>;

/** The content of `options.json`, all optional. Objects in the topology options become maps, as from `--endpoints`. */
interface CaseOptions {
  readonly topology?: Readonly<Record<string, unknown>>;
  readonly bootstrap?: Partial<BootstrapOptions>;
}

/** Reads every YAML file of a case except the rendered one, by name. */
export function resourcesOf(name: string): readonly { name: string; text: string }[] {
  return readdirSync(new URL(`${name}/`, casesFolder))
    .filter((file) => file.endsWith(".yaml") && file !== "envoy.yaml")
    .toSorted()
    .map((file) => ({ name: file, text: readFileSync(fileOf(name, file), "utf8") }));
}

/** Reads a case with its options. */
export function readCase(name: string): {
  readonly read: TopologyRead;
  readonly bootstrap: Partial<BootstrapOptions>;
} {
  const { topology: given = {}, bootstrap = {} } = optionsOf(name);
  const options = Object.fromEntries(
    Object.entries(given).map(([key, value]) => [
      key,
      value?.constructor === Object ? new Map(Object.entries(value)) : value,
    ]),
  ) as TopologyOptions;
  return { read: readTopology(resourcesOf(name), options), bootstrap };
}

/** Renders a case: its diagnostics, and without errors also topology and bootstrap. */
export function renderCase(name: string): CaseOutput {
  const { read, bootstrap } = readCase(name);
  const { topology, diagnostics } = read;
  const text = diagnostics.map((each) => `${formatDiagnostic(each)}\n`).join("");
  if (diagnostics.some(({ severity }) => severity === "error")) return { "diagnostics.txt": text };
  return {
    "diagnostics.txt": text,
    "topology.json": `${JSON.stringify(topology, null, 2)}\n`,
    "envoy.yaml": renderBootstrap(topology, bootstrap),
  };
}

export function fileOf(name: string, file: string): URL {
  return new URL(`${name}/${file}`, casesFolder);
}

function optionsOf(name: string): CaseOptions {
  if (!readdirSync(new URL(`${name}/`, casesFolder)).includes("options.json")) return {};
  return JSON.parse(readFileSync(fileOf(name, "options.json"), "utf8")) as CaseOptions;
}
