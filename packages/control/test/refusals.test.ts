import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { ConfigurationUpdate } from "@umbra/control";
import { trialListener } from "@umbra/envoy-config";
import type { Kind } from "@umbra/xds";
import {
  closeAfter,
  eventually,
  gateway,
  keepWorkers,
  newFolder,
  pool,
  replaceFile,
  route,
  type Started,
  start,
} from "./fixtures.ts";

/** What a bad route has in its path. Envoy is played here: it refuses every set of routes with a bad one. */
const bad = "/bad";
const message = "missing ): bad regex";

const pathsOf = ({ topology }: ConfigurationUpdate) =>
  topology.listeners.flatMap(({ virtualHosts }) =>
    virtualHosts.flatMap(({ routes }) => routes.map(({ match }) => match.path.value)),
  );

const refusalsOf = ({ findings }: ConfigurationUpdate) =>
  findings.filter(({ code }) => code === "UMB0502");

/** Answers each configuration as an Envoy does. */
async function withEnvoy(
  folder: string,
  options: Parameters<typeof start>[1] = {},
): Promise<Started> {
  const started = await start([folder], options);
  const { source, first } = started;
  let answered = 0;
  const answer = ({ snapshot, generation }: ConfigurationUpdate) => {
    const all = [...(snapshot?.rds.values() ?? [])];
    const refused = all.filter(({ value }) => Buffer.from(value).includes(bad));
    for (const { name, version } of refused)
      source.refused({ kind: "rds", name, version, message });
    if (refused.length === 0) source.accepted(generation);
    const tried = all.find(({ name }) => name === trialListener);
    if (tried !== undefined && !refused.includes(tried)) source.tried(tried.version);
  };
  answer(first);
  const answering = setInterval(() => {
    for (const update of started.updates.slice(answered)) answer(update);
    answered = started.updates.length;
  }, 5);
  closeAfter(() => clearInterval(answering));
  return started;
}

function write(folder: string, paths: Readonly<Record<string, string>>): void {
  for (const [name, path] of Object.entries(paths)) {
    replaceFile(join(folder, `${name}.yaml`), route({ name, path }));
  }
}

function resources(paths: Readonly<Record<string, string>>): string {
  const folder = newFolder();
  writeFileSync(join(folder, "gateway.yaml"), gateway);
  writeFileSync(join(folder, "pool.yaml"), pool(["10.0.0.1:8000"]));
  write(folder, paths);
  return folder;
}

/** The newest configuration, once it is like this. */
const settled = ({ updates }: Started, is: (update: ConfigurationUpdate) => boolean) =>
  eventually(() => {
    const last = updates.at(-1);
    return last !== undefined && is(last) ? last : undefined;
  });

describe("routes that Envoy refuses", () => {
  test("one changed route: its last accepted form is served, and a fixed file clears it", async () => {
    const folder = resources({ a: "/a", b: "/b" });
    const started = await withEnvoy(folder);
    write(folder, { a: `${bad}/a` });
    const held = await settled(started, (update) => refusalsOf(update).length === 1);
    expect(pathsOf(held)).toEqual(["/a", "/b"]);
    expect(refusalsOf(held)).toEqual([
      expect.objectContaining({
        severity: "error",
        ...{ file: join(folder, "a.yaml"), line: 3, column: 1 },
        message: `Envoy refuses HTTPRoute default/a, and its last accepted form is served: ${message}`,
      }),
    ]);

    // Everything else moves on.
    write(folder, { b: "/b2" });
    const moved = await settled(started, (update) => pathsOf(update).includes("/b2"));
    expect(pathsOf(moved)).toEqual(["/b2", "/a"]);
    expect(refusalsOf(moved)).toHaveLength(1);

    write(folder, { a: "/a-fixed" });
    const fixed = await settled(started, (update) => pathsOf(update).includes("/a-fixed"));
    expect(pathsOf(fixed)).toEqual(["/a-fixed", "/b2"]);
    expect(refusalsOf(fixed)).toEqual([]);
  });

  test("two bad ones of many that change at once are found, and the others are served", async () => {
    const names = Array.from({ length: 9 }, (_, at) => `r${at}`);
    const all = (path: (name: string) => string) =>
      Object.fromEntries(names.map((name) => [name, path(name)]));
    const folder = resources(all((name) => `/${name}`));
    const started = await withEnvoy(folder);
    const isBad = (name: string) => name === "r2" || name === "r7";
    write(
      folder,
      all((name) => (isBad(name) ? `${bad}/${name}` : `/${name}/new`)),
    );
    const found = await settled(
      started,
      (update) =>
        refusalsOf(update).length === 2 &&
        pathsOf(update).filter((path) => path.endsWith("/new")).length === 7,
    );
    expect(pathsOf(found).toSorted()).toEqual(
      names.map((name) => (isBad(name) ? `/${name}` : `/${name}/new`)).toSorted(),
    );
    expect(refusalsOf(found).map(({ file }) => file)).toEqual([
      join(folder, "r2.yaml"),
      join(folder, "r7.yaml"),
    ]);
  });

  test("one that waits to be tried is published when its file changes, though no Envoy accepts anything", async () => {
    const folder = resources({ a: "/a", b: "/b" });
    const started = await start([folder]);
    const { source, until } = started;
    source.accepted(1);
    replaceFile(
      join(folder, "both.yaml"),
      [route({ name: "c", path: "/c" }), route({ name: "d", path: `${bad}/d` })].join("---"),
    );
    const tried = await until((update) => pathsOf(update).length === 4);
    const { version = "" } = tried.snapshot?.rds.get("0.0.0.0:8080") ?? {};
    source.refused({ kind: "rds", name: "0.0.0.0:8080", version, message });
    await settled(started, (update) => pathsOf(update).length === 2);
    replaceFile(
      join(folder, "both.yaml"),
      [route({ name: "c", path: "/c" }), route({ name: "d", path: "/d-fixed" })].join("---"),
    );
    const fixed = await settled(started, (update) => pathsOf(update).includes("/d-fixed"));
    expect(pathsOf(fixed).toSorted()).toEqual(["/a", "/b", "/d-fixed"]);
  });

  test("a new one is not served, and its file says so", async () => {
    const folder = resources({ a: "/a" });
    const started = await withEnvoy(folder);
    write(folder, { c: `${bad}/c` });
    const held = await settled(started, (update) => refusalsOf(update).length === 1);
    expect(pathsOf(held)).toEqual(["/a"]);
    expect(refusalsOf(held)[0]?.message).toBe(
      `Envoy refuses HTTPRoute default/c, and it is not served: ${message}`,
    );
  });

  test("those that were there at the start are left out, and the others are never taken from an Envoy that may serve them", async () => {
    const names = Array.from({ length: 9 }, (_, at) => `r${at}`);
    const good = names.filter((name) => name !== "r2" && name !== "r7");
    const paths = names.map((name) => [name, good.includes(name) ? `/${name}` : `${bad}/${name}`]);
    const folder = resources(Object.fromEntries(paths));
    const started = await withEnvoy(folder);
    const isDone = ({ snapshot, ...update }: ConfigurationUpdate) =>
      pathsOf({ snapshot, ...update }).length === 7 && snapshot?.rds.has(trialListener) === false;
    const done = await settled(started, isDone);
    expect(pathsOf(done).toSorted()).toEqual(good.map((name) => `/${name}`));
    expect(refusalsOf(done).map((each) => each.message)).toEqual(
      ["r2", "r7"].map(
        (name) => `Envoy refuses HTTPRoute default/${name}, and it is not served: ${message}`,
      ),
    );
    const lost = [started.first, ...started.updates].flatMap((update) =>
      good.filter((name) => !pathsOf(update).includes(`/${name}`)),
    );
    expect(lost).toEqual([]);
    // Each of two is found within 2 * log2(9) tries.
    expect(started.updates.length).toBeLessThan(18);

    write(folder, { r2: "/fixed", r3: "/moved" });
    const fixed = await settled(started, (update) => pathsOf(update).includes("/fixed"));
    expect(pathsOf(fixed)).toContain("/moved");
    expect(refusalsOf(fixed)).toHaveLength(1);
  });

  test("where all HTTPRoutes are good and Envoy refuses the listener's routes, the listener is blamed, once", async () => {
    const folder = resources({ a: "/a", b: "/b" });
    const started = await start([folder]);
    const { source, first, until } = started;
    const refuse = ({ snapshot }: ConfigurationUpdate) => {
      const { version = "" } = snapshot?.rds.get("0.0.0.0:8080") ?? {};
      source.refused({ kind: "rds", name: "0.0.0.0:8080", version, message });
    };
    refuse(first);
    const trial = await until(({ snapshot }) => snapshot?.rds.has(trialListener) === true);
    source.tried(trial.snapshot?.rds.get(trialListener)?.version ?? "");
    const done = await until(({ snapshot }) => snapshot?.rds.has(trialListener) === false);
    expect(refusalsOf(done).map((each) => each.message)).toEqual([
      `Envoy refuses routes of listener "0.0.0.0:8080" of Gateway default/gw, and an earlier form is served if it has one: ${message}`,
    ]);
    refuse(done);
    write(folder, { c: "/c" });
    const moved = await until((update) => pathsOf(update).includes("/c"));
    expect(moved.snapshot?.rds.has(trialListener)).toBe(false);
  });

  test("one that an earlier process served is held in the form of that", async () => {
    const folder = resources({ a: "/a", b: `${bad}/b` });
    const earlier = ["a", "b"].map((name) => ({
      name: join(folder, `${name}.yaml`),
      text: route({ name, path: `/${name}` }),
    }));
    const fixed = ["gateway", "pool"].map((name) => ({
      name: join(folder, `${name}.yaml`),
      text: readFileSync(join(folder, `${name}.yaml`), "utf8"),
    }));
    const started = await withEnvoy(folder, { earlier: [...earlier, ...fixed] });
    const held = await settled(started, (update) => pathsOf(update).includes("/b"));
    expect(pathsOf(held)).toEqual(["/a", "/b"]);
    expect(refusalsOf(held)[0]?.message).toMatch(
      /^Envoy refuses HTTPRoute default\/b, and its last/,
    );
  });

  test("a refusal of something older is not heard", async () => {
    const folder = resources({ a: "/a" });
    const { source, updates } = await start([folder]);
    source.refused({ kind: "rds", name: "0.0.0.0:8080", version: "older", message });
    source.rescan();
    write(folder, { a: "/a2" });
    await eventually(() => (updates.length > 0 ? true : undefined));
    expect(refusalsOf(updates[0] as ConfigurationUpdate)).toEqual([]);
  });
});

test("a refusal that comes while the thread is away is not lost", async () => {
  const folder = resources({ a: "/a", b: "/b" });
  const { workers, startWorker } = keepWorkers();
  const { source, until, problems } = await start([folder], { startWorker });
  source.accepted(1);
  write(folder, { a: `${bad}1` });
  const { snapshot } = await until(({ generation }) => generation === 2);
  const version = snapshot?.rds.get("0.0.0.0:8080")?.version ?? "";
  await workers[0]?.terminate();
  await eventually(() => (problems.length > 0 ? true : undefined));
  source.refused({ kind: "rds", name: "0.0.0.0:8080", version, message });
  const held = await until((update) => refusalsOf(update).length > 0);
  expect(refusalsOf(held)[0]?.message).toMatch(/^Envoy refuses HTTPRoute default\/a, and its last/);
  expect(pathsOf(held)).toEqual(["/a", "/b"]);
}, 60_000);

describe("clusters and listeners that Envoy refuses", () => {
  test.each<[Kind, string, string]>([
    ["cds", "primary/default/llama", "InferencePool default/llama"],
    ["lds", "0.0.0.0:8080", 'listener "0.0.0.0:8080" of Gateway default/gw'],
  ])("%s %s: its last accepted form is offered until it changes", async (kind, name, words) => {
    const folder = resources({ a: "/a" });
    const started = await start([folder]);
    const { source, first, until, updates } = started;
    source.accepted(1);
    const accepted = first.snapshot?.[kind].get(name);
    expect(accepted).toBeDefined();
    // A change of both.
    const settings = (value: string) =>
      `apiVersion: umbra.dev/v1alpha1\nkind: EnvoySettings\nmetadata: { name: s }\nspec: { ${value} }\n`;
    replaceFile(join(folder, "settings.yaml"), settings("maxHeaders: 77, connectTimeout: 7s"));
    const changed = await until(({ generation }) => generation === 2);
    const version = changed.snapshot?.[kind].get(name)?.version ?? "";
    expect(version).not.toBe(accepted?.version);
    source.refused({ kind, name, version, message: "no" });
    const held = await settled(started, (update) => refusalsOf(update).length === 1);
    expect(held.snapshot?.[kind].get(name)?.version).toBe(accepted?.version);
    expect(refusalsOf(held)[0]?.message).toBe(
      `Envoy refuses ${words}, and what it has accepted last is served: no`,
    );
    replaceFile(join(folder, "settings.yaml"), settings("maxHeaders: 78, connectTimeout: 8s"));
    const fixed = await settled(started, (update) => refusalsOf(update).length === 0);
    expect(fixed.snapshot?.[kind].get(name)?.version).not.toBe(accepted?.version);
    expect(updates.length).toBeGreaterThanOrEqual(3);
  });

  test("a refused form that nothing could replace is never offered as an accepted one", async () => {
    const folder = resources({ a: "/a" });
    const started = await start([folder]);
    const { source, until } = started;
    source.accepted(1);
    const ofOther = `${pool(["10.0.0.2:8000"], "other")}---${route({ name: "o", path: "/o", pool: "other" })}`;
    replaceFile(join(folder, "other.yaml"), ofOther);
    const name = "primary/default/other";
    const added = await until(({ generation }) => generation === 2);
    const never = added.snapshot?.cds.get(name)?.version ?? "";
    const refusal = { kind: "cds", name, message: "no", hasEarlierForm: false } as const;
    source.refused({ ...refusal, version: never });
    const found = await settled(started, (update) => refusalsOf(update).length === 1);
    expect(refusalsOf(found)[0]?.message).toBe(
      "Envoy refuses InferencePool default/other, and it has no earlier form to serve: no",
    );
    source.accepted(2);

    const settings = "apiVersion: umbra.dev/v1alpha1\nkind: EnvoySettings\nmetadata: { name: s }\n";
    replaceFile(join(folder, "settings.yaml"), `${settings}spec: { connectTimeout: 7s }\n`);
    const changed = await until(({ generation }) => generation === 3);
    const version = changed.snapshot?.cds.get(name)?.version ?? "";
    expect([never, ""]).not.toContain(version);
    source.refused({ kind: "cds", name, version, message: "still no" });
    const again = await settled(started, ({ findings }) =>
      findings.some((each) => each.message.endsWith("still no")),
    );
    expect(again.snapshot?.cds.get(name)?.version).toBe(version);
  });
});
