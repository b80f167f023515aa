import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

const root = fileURLToPath(new URL("../../", import.meta.url));
export const chartFolder: string = join(root, "deploy/helm/umbra");
const casesFolder = join(root, "e2e/chart/cases");
export const hashFile: string = join(casesFolder, "inputs.sha256");

/** A set of values, and what helm makes of them. */
export interface ChartCase {
  readonly name: string;
  readonly values: string;
  readonly manifest: string;
}

export const chartCases: readonly ChartCase[] = readdirSync(casesFolder)
  .filter((name) => existsSync(join(casesFolder, name, "values.yaml")))
  .map((name) => ({
    name,
    values: join(casesFolder, name, "values.yaml"),
    manifest: join(casesFolder, name, "manifest.yaml"),
  }));

/** An object of Kubernetes, with the fields that tests look at. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export function objectsIn(text: string): readonly KubeObject[] {
  // As kubectl and helm read it: 0440 is octal.
  return parseAllDocuments(text, { version: "1.1" }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const object = document.toJSON() as KubeObject | null;
    return object === null ? [] : [object];
  });
}

export function objectsOf({ manifest }: ChartCase): readonly KubeObject[] {
  return objectsIn(readFileSync(manifest, "utf8"));
}

export function caseNamed(name: string): ChartCase {
  const found = chartCases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no case ${name}`);
  return found;
}

/** A hash of what the manifests are made from. CRDs, alerts and the dashboard are in none of them. */
export function inputsHash(): string {
  const hash = createHash("sha256");
  const inputs = [...filesIn(chartFolder), ...chartCases.map(({ values }) => values)];
  for (const path of inputs.sort()) {
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update("\0");
  }
  return `${hash.digest("hex")}\n`;
}

/** Links lead to files of other folders. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(path);
    return entry.isFile() ? [path] : [];
  });
}

/** Which case each folder of kustomize holds. */
export const kustomizeFolders: Readonly<Record<string, string>> = {
  gateway: "gateway",
  picker: "picker",
};

export function kustomizePath(folder: string): string {
  return join(root, "deploy/kubernetes", folder);
}

const helmLines = /^ *(?:app\.kubernetes\.io\/managed-by|helm\.sh\/chart): .*\n/gm;

/** A manifest without what only helm needs: its labels and its test. */
export function withoutHelm(manifest: string): string {
  const kept = manifest
    .split(/^---\n/m)
    .filter((part) => part.trim() !== "" && !part.includes("helm.sh/hook: test"))
    .map((part) => part.replace(/^# Source: .*\n/m, "").replace(helmLines, ""));
  const head =
    "# Made from the chart in deploy/helm/umbra by `npm run test:chart`. Change it there.\n";
  return `${head}${kept.join("---\n")}`;
}
