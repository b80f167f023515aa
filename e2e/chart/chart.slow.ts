// Needs helm and kustomize; `npm run test:chart` finds or builds them. `UPDATE_GOLDEN=1` rewrites the manifests.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { expectGolden } from "../../testing/golden.ts";
import {
  caseNamed,
  chartCases,
  chartFolder,
  hashFile,
  inputsHash,
  kustomizeFolders,
  kustomizePath,
  objectsIn,
  withoutHelm,
} from "./chart-files.ts";
import { podOf } from "./pod.ts";
import { wrongMeanings, wrongShapes } from "./wrong-values.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-chart-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string | undefined, ...args: readonly string[]): Ran {
  return spawnSync(command ?? "", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
}

/** Of a cluster that has everything; helm alone says 1.20. */
const version = ["--kube-version", "1.37.0"];

const helm = (...args: readonly string[]) => run(process.env.UMBRA_HELM, ...args);
const template = (values: string, ...more: readonly string[]) =>
  helm("template", "umbra", chartFolder, "--namespace", "umbra", ...version, "-f", values, ...more);

function fileOf(values: object): string {
  const file = join(folder, "values.json");
  writeFileSync(file, JSON.stringify(values));
  return file;
}

describe.each(chartCases)("the values $name", ({ values, manifest }) => {
  test("pass helm lint --strict", () => {
    const { status, stdout } = helm("lint", "--strict", chartFolder, ...version, "-f", values);
    expect([status, stdout]).toEqual([0, expect.stringContaining("0 chart(s) failed")]);
  });

  test("make the committed manifest", () => {
    const { status, stdout, stderr } = template(values);
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    expectGolden(stdout, manifest);
  });
});

test("the hash of what the manifests are made from is the committed one", () => {
  expectGolden(inputsHash(), hashFile);
});

test("alerts and the dashboard are the files of the repository", () => {
  const file = fileOf({ monitoring: { alerts: { enabled: true }, dashboard: { enabled: true } } });
  const objects = objectsIn(template(file).stdout);
  const deploy = join(chartFolder, "../..");
  const rule = objects.find(({ kind }) => kind === "PrometheusRule");
  const alerts = readFileSync(join(deploy, "prometheus/umbra-alerts.yaml"), "utf8");
  expect(rule?.spec).toEqual(parse(alerts));
  const map = objects.find(({ metadata }) => metadata.name === "umbra-dashboard");
  const dashboard = readFileSync(join(deploy, "grafana/umbra.json"), "utf8");
  const { "umbra.json": shown = "" } = (map?.data ?? {}) as Record<string, string>;
  expect(JSON.parse(shown)).toEqual(JSON.parse(dashboard));
});

describe("the secret of the replicas", () => {
  const secrets = () =>
    objectsIn(template(fileOf({})).stdout).filter(({ kind }) => kind === "Secret");

  test("is made if none is named: one that umbra takes, and another for each release", () => {
    const texts = [secrets(), secrets()].flatMap((each) =>
      each.map(({ data }) => (data as Record<string, string>)["peer-secret"] ?? ""),
    );
    const made = texts.map((text) => Buffer.from(text, "base64").toString("latin1"));
    expect(made).toEqual([
      expect.stringMatching(alphanumeric),
      expect.stringMatching(alphanumeric),
    ]);
    expect(new Set(made).size).toBe(2);
  });

  test.each([
    { name: "none if one is named", values: { peers: { secretName: "shared" } } },
    { name: "none without peers", values: { peers: { enabled: false } } },
  ])("is $name", ({ values }) => {
    const kinds = objectsIn(template(fileOf(values)).stdout).map(({ kind }) => kind);
    expect(kinds).not.toContain("Secret");
  });
});

/** 64 of 62 letters and digits: 381 random bits. */
const alphanumeric = /^[A-Za-z0-9]{64}$/;

test("the `helm install` of docs/kubernetes.md is one that helm takes, for the namespaces that it says", () => {
  const page = readFileSync(join(chartFolder, "../../../docs/kubernetes.md"), "utf8");
  const [, given = ""] = /^helm install (umbra (?:.*\\\n)*.*)$/m.exec(page) ?? [];
  const words = given.replaceAll("\\\n", " ").match(/'[^']*'|[^\s']+/g) ?? [];
  const args = words
    .map((word) => word.replaceAll("'", ""))
    .filter((word) => word !== "--create-namespace")
    .map((word) => (word === "deploy/helm/umbra" ? chartFolder : word));
  const { status, stdout, stderr } = helm("template", ...args, ...version);
  expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
  const roles = objectsIn(stdout).filter(({ kind }) => kind === "Role");
  const named = roles.map(({ metadata }) => `${metadata.namespace} ${metadata.name}`);
  expect(named.toSorted()).toEqual([
    "default umbra.umbra",
    "umbra umbra-lease",
    "umbra umbra-peers",
  ]);
  const images = new Set(podOf(objectsIn(stdout)).containers.map(({ image }) => image));
  expect([...images]).toEqual(["REGISTRY/umbra-gateway:0.1.0"]);
});

test("no two releases have one name for rights of the cluster", () => {
  const nameOf = (namespace: string, release: string) => {
    const { stdout } = helm("template", release, chartFolder, "--namespace", namespace, ...version);
    return objectsIn(stdout).find(({ kind }) => kind === "ClusterRole")?.metadata.name;
  };
  const names = [nameOf("a", "b-umbra"), nameOf("a-b", "umbra")];
  expect(names).toEqual(["a.b-umbra", "a-b.umbra"]);
});

describe("values that are refused", () => {
  const refusals = [...wrongShapes, ...wrongMeanings].map(({ name, values }) => {
    const { status, stderr } = template(fileOf(values));
    const words = stderr
      .split("\n")
      .filter((line) => !/walk\.go|^Use --debug|^umbra:$|^Error: values don't meet|^$/.test(line))
      .map((line) => line.replace(/^- |^Error: execution error at \([^)]*\): /, ""));
    return { name, status, words };
  });

  test.each(refusals)("$name", ({ status, words }) => {
    expect(status).toBe(1);
    expect(words).not.toEqual([]);
  });

  test("the words are those that were reviewed", () => {
    const text = refusals.map(({ name, words }) => `${name}:\n  ${words.join("\n  ")}\n`).join("");
    expectGolden(text, new URL("cases/refusals.txt", import.meta.url).pathname);
  });
});

describe.each(Object.entries(kustomizeFolders))("deploy/kubernetes/%s", (name, chartCase) => {
  const path = kustomizePath(name);

  test("is made from the chart", () => {
    const manifest = readFileSync(caseNamed(chartCase).manifest, "utf8");
    expectGolden(withoutHelm(manifest), join(path, "umbra.yaml"));
  });

  test("is built by kustomize to the same objects", () => {
    const { status, stdout, stderr } = run(process.env.UMBRA_KUSTOMIZE, "build", path);
    expect([status, stderr]).toEqual([0, ""]);
    const byName = (text: string) =>
      new Map(objectsIn(text).map((each) => [`${each.kind} ${each.metadata.name}`, each]));
    expect(byName(stdout)).toEqual(byName(readFileSync(join(path, "umbra.yaml"), "utf8")));
  });
});

test("kustomize moves all objects to another namespace, also the subjects of the rights", () => {
  const overlay = join(folder, "overlay");
  spawnSync("mkdir", [overlay]);
  writeFileSync(
    join(overlay, "kustomization.yaml"),
    `namespace: team-a\nresources: [${join("..", "base")}]\n`,
  );
  spawnSync("cp", ["-r", kustomizePath("gateway"), join(folder, "base")]);
  const { stdout, stderr } = run(process.env.UMBRA_KUSTOMIZE, "build", overlay);
  expect(stderr).toBe("");
  const namespaced = objectsIn(stdout).filter(({ kind }) => !kind.startsWith("ClusterRole"));
  expect(new Set(namespaced.map(({ metadata }) => metadata.namespace))).toEqual(
    new Set(["team-a"]),
  );
  const subjects = objectsIn(stdout).flatMap(({ subjects: each }) => each ?? []);
  const account = { kind: "ServiceAccount", name: "umbra", namespace: "team-a" };
  expect(subjects).toEqual([account, account, account]);
});

test("deploy/kubernetes/monitoring is built by kustomize", () => {
  const { status, stdout, stderr } = run(
    process.env.UMBRA_KUSTOMIZE,
    "build",
    kustomizePath("monitoring"),
  );
  expect([status, stderr]).toEqual([0, ""]);
  expect(objectsIn(stdout).map(({ kind }) => kind)).toEqual(["ConfigMap", "PodMonitor"]);
});
