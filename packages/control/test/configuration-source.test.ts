import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "@jest/globals";
import type { ConfigurationUpdate } from "@umbra/control";
import type { StartWorker } from "@umbra/control/internal";
import { kinds, type Snapshot } from "@umbra/xds";
import {
  eventually,
  gateway,
  keepWorkers,
  newFolder,
  pods,
  pool,
  replaceFile,
  route,
  start,
  writeResources,
} from "./fixtures.ts";

const endpointsOf = ({ topology }: ConfigurationUpdate) =>
  topology.pools.flatMap(({ endpoints }) => endpoints);
const codesOf = ({ findings }: ConfigurationUpdate) =>
  findings.filter(({ severity }) => severity === "error").map(({ code }) => code);

describe("a configuration from files", () => {
  test("the first one is complete", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { first } = await start([folder]);
    expect(first).toMatchObject({ generation: 1, objects: 3, staleFiles: [], changes: [] });
    expect(endpointsOf(first)).toEqual(["10.0.0.1:8000"]);
    expect([...(first.snapshot?.rds.keys() ?? [])]).toHaveLength(1);
    expect(codesOf(first)).toEqual([]);
    expect(Date.now() - first.changedAtMs).toBeLessThan(60_000);
  });

  test("a changed route comes as another configuration, in words", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { first, until } = await start([folder]);
    replaceFile(join(folder, "route.yaml"), route({ path: "/v2" }));
    const update = await until(({ generation }) => generation === 2);
    expect(update.changes).toEqual(["route default/chat: match changed"]);
    // What has not changed is the same object, so that it is not compared again.
    const same = (kind: keyof Snapshot) => update.snapshot?.[kind] === first.snapshot?.[kind];
    expect(kinds.filter((kind) => !same(kind))).toEqual(["rds"]);
  });

  test("without `rendering` there are no resources for Envoy", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { first, until } = await start([folder], { isRendered: false });
    expect(first.snapshot).toBeUndefined();
    replaceFile(join(folder, "pool.yaml"), pool(["10.0.0.1:8000", "10.0.0.2:8000"]));
    const update = await until(({ generation }) => generation === 2);
    expect(update.changes).toEqual(["pool default/llama: 1 endpoint added"]);
    expect(update.snapshot).toBeUndefined();
  });

  test("broken YAML in one file: its last resources are served, with one finding, and the other files change", async () => {
    const folder = newFolder();
    writeResources(folder);
    const file = join(folder, "pool.yaml");
    const { until } = await start([folder]);
    replaceFile(file, "kind: [broken\n");
    const broken = await until(({ staleFiles }) => staleFiles.length > 0);
    expect(broken.staleFiles.map(({ file: name }) => name)).toEqual([file]);
    expect(broken.findings.filter((each) => each.file === file)).toEqual([
      expect.objectContaining({ severity: "error", code: "UMB0101", line: expect.any(Number) }),
    ]);
    expect(broken).toMatchObject({ generation: 1, changes: [] });
    expect(endpointsOf(broken)).toEqual(["10.0.0.1:8000"]);
    replaceFile(join(folder, "route.yaml"), route({ path: "/v2" }));
    const other = await until(({ generation }) => generation === 2);
    expect(other.changes).toEqual(["route default/chat: match changed"]);
    expect(other.staleFiles).toHaveLength(1);
    replaceFile(file, pool(["10.0.0.2:8000"]));
    const fixed = await until(({ generation }) => generation === 3);
    expect(fixed.staleFiles).toEqual([]);
    expect(endpointsOf(fixed)).toEqual(["10.0.0.2:8000"]);
  });

  test("a deleted file takes its resources with it", async () => {
    const folder = newFolder();
    writeResources(folder);
    writeFileSync(join(folder, "other.yaml"), route({ name: "other", path: "/other" }));
    const { until } = await start([folder]);
    rmSync(join(folder, "other.yaml"));
    const update = await until(({ generation }) => generation === 2);
    expect(update.changes).toEqual(["route default/other: removed"]);
    expect(update.objects).toBe(3);
  });

  test("a folder that was removed keeps its last state, and is reported", async () => {
    const folder = join(newFolder(), "resources");
    replaceFile(join(folder, "gateway.yaml"), gateway);
    writeResources(folder);
    const { until } = await start([folder]);
    renameSync(folder, `${folder}.away`);
    const gone = await until(({ staleFiles }) => staleFiles.length === 3);
    expect(codesOf(gone)).toEqual(["UMB0501", "UMB0501", "UMB0501"]);
    expect(endpointsOf(gone)).toEqual(["10.0.0.1:8000"]);
    renameSync(`${folder}.away`, folder);
    await until(
      ({ staleFiles, findings }) => staleFiles.length === 0 && findings !== gone.findings,
    );
  });

  test("many quick changes become few configurations, and the last one counts", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { updates, until } = await start([folder]);
    for (let at = 1; at <= 40; at++) {
      replaceFile(join(folder, "route.yaml"), route({ path: `/v${at}` }));
    }
    const path = (update: ConfigurationUpdate) =>
      update.topology.listeners[0]?.virtualHosts[0]?.routes[0]?.match.path.value;
    await until((update) => path(update) === "/v40");
    expect(updates.length).toBeLessThan(10);
  });

  test("an endpoint that is Umbra's own interface is left out, with a finding", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { until } = await start([folder], { ownInterfaces: ["127.0.0.1:9191"] });
    replaceFile(join(folder, "pool.yaml"), pool(["10.0.0.1:8000", "127.0.0.1:9191"]));
    const update = await until((each) => codesOf(each).includes("UMB0503"));
    expect(endpointsOf(update)).toEqual(["10.0.0.1:8000"]);
    expect(update.findings.find(({ code }) => code === "UMB0503")).toMatchObject({
      file: join(folder, "pool.yaml"),
      line: 6,
      message: expect.stringContaining('127.0.0.1:9191, an endpoint of "default/llama"'),
    });
  });

  test("an endpoint that is leaving is left out too if it is Umbra's own interface", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { until } = await start([folder], { ownInterfaces: ["127.0.0.1:8000"] });
    replaceFile(
      join(folder, "pool.yaml"),
      pods({ "10.0.0.1": "ready", "127.0.0.1": "leaving", "10.0.0.3": "leaving" }),
    );
    const update = await until((each) => codesOf(each).includes("UMB0503"));
    expect(update.topology.pools).toMatchObject([
      { endpoints: ["10.0.0.1:8000"], drainingEndpoints: ["10.0.0.3:8000"] },
    ]);
  });

  test("standard input stays as it is", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "route.yaml"), route());
    const { first, until } = await start([folder], {
      fixed: [{ name: "-", text: `${gateway}---${pool(["10.0.0.1:8000"])}` }],
    });
    expect(first.objects).toBe(3);
    replaceFile(join(folder, "route.yaml"), route({ path: "/v2" }));
    const update = await until(({ generation }) => generation === 2);
    expect(endpointsOf(update)).toEqual(["10.0.0.1:8000"]);
  });

  test("with `isWatched: false` nothing changes", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { source, updates } = await start([folder], { isWatched: false });
    replaceFile(join(folder, "route.yaml"), route({ path: "/v2" }));
    source.rescan();
    await source.close();
    expect(updates).toEqual([]);
  });

  test.each([
    ["a missing path", () => "missing.yaml", 'there is no file or folder "missing.yaml"'],
    ["a folder without resources", newFolder, "contains no .yaml, .yml or .json file"],
  ])("%s fails the start", async (_name, path, message) => {
    await expect(start([path()])).rejects.toThrow(message);
  });

  test("errors at the start are findings of the first configuration", async () => {
    const folder = newFolder();
    writeResources(folder);
    writeFileSync(join(folder, "broken.yaml"), "kind: [broken\n");
    const { first } = await start([folder]);
    expect(codesOf(first)).toEqual(["UMB0101"]);
  });

  test("earlier content serves where a file can't be parsed at the start", async () => {
    const folder = newFolder();
    writeResources(folder);
    const file = join(folder, "pool.yaml");
    writeFileSync(file, "kind: [broken\n");
    const { first } = await start([folder], {
      earlier: [{ name: file, text: pool(["10.0.0.1:8000"]) }],
    });
    expect(endpointsOf(first)).toEqual(["10.0.0.1:8000"]);
    expect(first.staleFiles.map((each) => each.file)).toEqual([file]);
  });

  test("earlier content of a file that is gone is not served", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { first } = await start([folder], {
      earlier: [{ name: join(folder, "gone.yaml"), text: pool(["10.0.0.9:8000"], "gone") }],
    });
    expect(endpointsOf(first)).toEqual(["10.0.0.1:8000"]);
  });
});

describe("settings that are read at the start", () => {
  const settings = (maxBody: string) =>
    `apiVersion: umbra.dev/v1alpha1\nkind: EnvoySettings\nmetadata: { name: limits }\nspec:\n  maxBody: ${maxBody}\n`;

  test("keep their value, with a finding, and everything else changes", async () => {
    const folder = newFolder();
    writeResources(folder);
    const file = join(folder, "settings.yaml");
    writeFileSync(file, settings("8Mi"));
    const { until } = await start([folder]);
    replaceFile(file, settings("16Mi"));
    replaceFile(join(folder, "route.yaml"), route({ path: "/v2" }));
    const update = await until(({ changes }) =>
      changes.includes("route default/chat: match changed"),
    );
    expect(update.topology.envoy.settings.maxBodyBytes).toBe(8 * 1024 * 1024);
    expect(update.findings.filter(({ code }) => code === "UMB0504")).toEqual([
      expect.objectContaining({ severity: "warning", file, line: 5, column: 3 }),
    ]);
    replaceFile(file, settings("8Mi"));
    await until(
      ({ generation, findings }) =>
        generation >= 2 && findings.every(({ code }) => code !== "UMB0504"),
    );
  });
});

describe("the thread", () => {
  test("is started again when it ends, and loses nothing", async () => {
    const folder = newFolder();
    writeResources(folder);
    const { workers, startWorker } = keepWorkers();
    const file = join(folder, "pool.yaml");
    const { until, problems, updates } = await start([folder], { startWorker });
    replaceFile(file, "kind: [broken\n");
    await until(({ staleFiles }) => staleFiles.length === 1);
    await workers[0]?.terminate();
    await eventually(() => (problems.length > 0 ? true : undefined));
    expect(problems[0]).toMatch(
      /has failed .* started again in 0.1 s, and what was served last is served meanwhile/,
    );
    replaceFile(join(folder, "route.yaml"), route({ path: "/v2" }));
    const update = await until(({ changes }) => changes.length > 0);
    // The broken file's last resources have outlived the thread that had read them.
    expect(update.changes).toEqual(["route default/chat: match changed"]);
    expect(endpointsOf(update)).toEqual(["10.0.0.1:8000"]);
    expect(update.staleFiles.map((each) => each.file)).toEqual([file]);
    expect(updates.every((each) => each.generation >= 1)).toBe(true);
    expect(workers).toHaveLength(2);
  });

  test("that can't start fails the start", async () => {
    const folder = newFolder();
    writeResources(folder);
    const startWorker: StartWorker = () => new Worker("process.exit(3)", { eval: true });
    await expect(start([folder], { startWorker })).rejects.toThrow(
      "the resources can't be read: the thread ended",
    );
  });
});
