import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { nightTest } from "../testing/night-test.ts";
import { casesBySize } from "../testing/test-size.ts";
import { chat, post } from "./harness/client.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { type Running, runUmbra, startUmbra } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

async function startUp(
  primary: string,
  shadow: string,
  ...flags: readonly string[]
): Promise<{ up: Running; origin: string; admin: string; envoyAdmin: string }> {
  const [http, grpc, admin, envoyAdmin] = await freePorts(4);
  const up = startUmbra(
    ...["up", "--primary", primary, "--shadow", shadow, "--bind", "127.0.0.1"],
    ...["--listener", `http=${http}`, "--grpc", `127.0.0.1:${grpc}`],
    ...["--admin", `127.0.0.1:${admin}`, "--envoy-admin", `127.0.0.1:${envoyAdmin}`],
    ...flags,
  );
  try {
    await until("umbra up is ready", () => up.output().includes("umbra: ready"), 30_000);
  } catch (cause) {
    await up.stop();
    throw new Error(`it wrote: ${up.output()}`, { cause });
  }
  return {
    up,
    origin: `http://127.0.0.1:${http}`,
    admin: `127.0.0.1:${admin}`,
    envoyAdmin: `127.0.0.1:${envoyAdmin}`,
  };
}

/** Process ids of the children whose command line matches. */
function childrenOf(pid: number | undefined, pattern: RegExp): number[] {
  // With no child `ps` ends with status 1.
  const { stdout } = spawnSync("ps", ["-o", "pid=,stat=,args=", "--ppid", String(pid)], {
    encoding: "utf8",
  });
  return stdout
    .split("\n")
    .filter((row) => pattern.test(row) && !/^ *\d+ Z/.test(row))
    .map((row) => Number.parseInt(row, 10));
}

function envoysOf(up: Running): number[] {
  return childrenOf(up.process.pid, /--disable-hot-restart/);
}

/** What Envoy was started with. */
function bootstrapOf(up: Running): string {
  const [envoy] = envoysOf(up);
  const { stdout } = spawnSync("ps", ["-o", "args=", "-p", String(envoy)], { encoding: "utf8" });
  return readFileSync(/-c (\S+)/.exec(stdout)?.[1] ?? "", "utf8");
}

/** True if the sidecar has given Envoy all of its configuration. */
async function isConfigured(admin: string): Promise<boolean> {
  const { body } = await request(`http://${admin}/v1/config`);
  const { envoys } = (await body.json()) as { envoys: readonly { isUpToDate: boolean }[] };
  return envoys.length === 1 && envoys[0]?.isUpToDate === true;
}

/** How often Envoy has changed a cluster or a listener. */
async function changesIn(envoyAdmin: string): Promise<string> {
  const names = "cluster_modified|listener_modified|listener_in_place_updated";
  const { body } = await request(`http://${envoyAdmin}/stats?filter=manager.(${names})$`);
  return body.text();
}

function adsSocketOf(up: Running): string {
  return /path: (\S+ads\.sock)/.exec(bootstrapOf(up))?.[1] ?? "";
}

async function endsWithItsChildren(up: Running, signal: NodeJS.Signals): Promise<void> {
  const children = childrenOf(up.process.pid, /envoy|serve/);
  expect(children).toHaveLength(2);
  await up.stop(signal);
  expect(up.process.exitCode).toBe(0);
  expect(children.filter(isAlive)).toEqual([]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("umbra up", () => {
  test("on SIGINT ends its children and removes the socket of ADS, which it keeps from others", async () => {
    const servers = await startModelServers(2);
    const [first, second] = servers.map(({ address }) => address);
    const { up, origin } = await startUp(first ?? "", second ?? "");
    expect((await post(origin, chat(), { host: "any.example" })).status).toBe(200);
    const socket = adsSocketOf(up);
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    await endsWithItsChildren(up, "SIGINT");
    expect(existsSync(dirname(socket))).toBe(false);
    await stopModelServers(servers);
  }, 60_000);

  test("waits longer before each restart of an Envoy that dies again, and then gives up", async () => {
    const servers = await startModelServers(1);
    const { up } = await startUp(addresses(servers), addresses(servers));
    const killed = new Set<number>();
    await until(
      "umbra up has ended",
      () => {
        for (const pid of envoysOf(up).filter((each) => !killed.has(each))) {
          killed.add(pid);
          process.kill(pid, "SIGKILL");
        }
        return up.process.exitCode !== null;
      },
      30_000,
    );
    expect(up.process.exitCode).toBe(1);
    const waits = [...up.output().matchAll(/Envoy ended .*restarting it in ([\d.]+) s/g)];
    expect(waits.map(([, seconds]) => seconds).slice(0, 3)).toEqual(["0.2", "0.4", "0.8"]);
    expect(up.output()).toMatch(/Envoy ended \(signal SIGKILL\) soon after its start, 4 times/);
    await stopModelServers(servers);
  }, 60_000);

  nightTest(
    "a port that is in use ends it, with Envoy's message",
    async () => {
      const servers = await startModelServers(1);
      const holder = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
      const { port } = holder.address() as AddressInfo;
      const [grpc, admin, http] = await freePorts(3);
      const up = startUmbra(
        ...["up", "--primary", addresses(servers), "--bind", "127.0.0.1"],
        ...["--listener", `http=${http}`, "--grpc", `127.0.0.1:${grpc}`],
        ...["--admin", `127.0.0.1:${admin}`, "--envoy-admin", `127.0.0.1:${port}`],
      );
      await until("umbra up has ended", () => up.process.exitCode !== null, 40_000);
      expect(up.process.exitCode).toBe(1);
      expect(up.output()).toMatch(/Envoy ended \(exit status 1\) soon after its start, 4 times/);
      expect(up.output()).toMatch(/its last lines:\n[\s\S]*(cannot bind|Address already in use)/i);
      await new Promise((resolve) => holder.close(resolve));
      await stopModelServers(servers);
    },
    60_000,
  );

  test("a listener that Envoy refuses ends it, with what Envoy says about it", async () => {
    const servers = await startModelServers(1);
    const holder = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const { port } = holder.address() as AddressInfo;
    const [grpc, admin, envoyAdmin] = await freePorts(3);
    const { status, stderr } = await runUmbra(
      ...["up", "--primary", addresses(servers), "--bind", "127.0.0.1"],
      ...["--listener", `http=${port}`, "--grpc", `127.0.0.1:${grpc}`],
      ...["--admin", `127.0.0.1:${admin}`, "--envoy-admin", `127.0.0.1:${envoyAdmin}`],
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /error: Envoy refuses its configuration[\s\S]*listener "127.0.0.1:\d+": .*(cannot bind|Address already in use)/,
    );
    expect(stderr).not.toContain("umbra: ready");
    await new Promise((resolve) => holder.close(resolve));
    await stopModelServers(servers);
  }, 60_000);

  test("with --static Envoy has its whole configuration in a file", async () => {
    const servers = await startModelServers(1);
    const { up, origin } = await startUp(addresses(servers), addresses(servers), "--static");
    expect(bootstrapOf(up)).not.toContain("umbra-ads");
    expect((await post(origin, chat())).status).toBe(200);
    await up.stop();
    await stopModelServers(servers);
  }, 60_000);

  nightTest(
    "ends at once on SIGTERM while it waits to start Envoy again",
    async () => {
      const servers = await startModelServers(1);
      const { up } = await startUp(addresses(servers), addresses(servers));
      for (const wait of ["0.2", "0.4", "0.8"]) {
        await until("an Envoy runs", () => envoysOf(up).length === 1);
        for (const pid of envoysOf(up)) process.kill(pid, "SIGKILL");
        await until("it waits", () => up.output().includes(`restarting it in ${wait} s`));
      }
      await up.stop("SIGTERM");
      expect(up.process.exitCode).toBe(0);
      const [, after] = up.output().split("restarting it in 0.8 s");
      expect(after).not.toContain("error");
      await stopModelServers(servers);
    },
    60_000,
  );

  const ends = [
    { name: "the sidecar", pattern: / serve /, words: "the sidecar ended (signal SIGKILL)" },
    { name: "Envoy", pattern: /--disable-hot-restart/, words: "Envoy ended (signal SIGKILL)" },
  ];
  test.each(casesBySize(ends, 1))(
    "with --no-restart ends when $name dies, and shows how",
    async ({ pattern, words }) => {
      const servers = await startModelServers(1);
      const { up } = await startUp(addresses(servers), addresses(servers), "--no-restart");
      const [child = 0] = childrenOf(up.process.pid, pattern);
      process.kill(child, "SIGKILL");
      await until("umbra up has ended", () => up.process.exitCode !== null);
      expect(up.process.exitCode).toBe(1);
      expect(up.output()).toContain(words);
      await stopModelServers(servers);
    },
    60_000,
  );

  test("an Envoy that is asked to end ends it", async () => {
    const servers = await startModelServers(1);
    const { up } = await startUp(addresses(servers), addresses(servers));
    const [envoy = 0] = envoysOf(up);
    process.kill(envoy, "SIGTERM");
    await until("umbra up has ended", () => up.process.exitCode !== null);
    expect(up.output()).toContain("Envoy ended (exit status 0)");
    await stopModelServers(servers);
  }, 60_000);
});

/** In this order: each leaves it serving, and the last ends it. */
describe("umbra up that keeps serving", () => {
  let primary: ModelServer[] = [];
  let shadow: ModelServer[] = [];
  let started: Awaited<ReturnType<typeof startUp>>;

  beforeAll(async () => {
    primary = await startModelServers(2);
    shadow = await startModelServers(2);
    started = await startUp(addresses(primary), addresses(shadow));
  }, 60_000);

  afterAll(async () => {
    await started?.up.stop();
    await stopModelServers([...primary, ...shadow]);
  });

  test("verify proves the mirroring and report shows both lanes", async () => {
    const { origin, admin } = started;
    const url = ["--url", origin, "--admin", admin, "--model", "/model/llama2"];
    const proof = await runUmbra("verify", ...url);
    expect(proof.stderr).toBe("");
    expect(proof.status).toBe(0);
    const report = await runUmbra("report", "--admin", admin);
    expect(report.status).toBe(0);
    expect(report.stdout).toMatch(/primary[\s\S]*shadow/i);
  }, 60_000);

  test("starts the sidecar again when it dies, and Envoy keeps its clusters and listeners", async () => {
    const { up, origin, admin, envoyAdmin } = started;
    const before = await changesIn(envoyAdmin);
    const [sidecar] = childrenOf(up.process.pid, / serve /);
    process.kill(sidecar ?? 0, "SIGKILL");
    await until("another sidecar runs", () => {
      const now = childrenOf(up.process.pid, / serve /);
      return now.length === 1 && now[0] !== sidecar;
    });
    await until("Envoy has its configuration from it", () => isConfigured(admin));
    expect((await post(origin, chat())).status).toBe(200);
    expect(await changesIn(envoyAdmin)).toEqual(before);
  }, 60_000);

  test.each([
    { signal: "SIGSEGV", wait: "0.2" },
    { signal: "SIGKILL", wait: "0.4" },
  ] as const)(
    "starts Envoy again when it dies of $signal, and shows how",
    async ({ signal, wait }) => {
      const { up, origin } = started;
      const [envoy = 0] = envoysOf(up);
      process.kill(envoy, signal);
      await until("another Envoy runs", () => envoysOf(up).some((pid) => pid !== envoy));
      await until("it serves", async () => (await post(origin, chat())).status === 200);
      expect(up.output()).toContain(
        `umbra: Envoy ended (signal ${signal}); restarting it in ${wait} s; it`,
      );
      expect(up.process.exitCode).toBeNull();
    },
    60_000,
  );

  test("shows the backtrace that Envoy prints when it crashes", () => {
    const { up } = started;
    const told = up.output().slice(up.output().indexOf("Envoy ended (signal SIGSEGV)"));
    expect(told).toMatch(/its last lines:\n(?: {2}.*\n)* {2}.*Caught Segmentation fault/);
  });

  test("on SIGTERM ends its children and removes the socket of ADS", async () => {
    const folder = dirname(adsSocketOf(started.up));
    expect(existsSync(folder)).toBe(true);
    await endsWithItsChildren(started.up, "SIGTERM");
    expect(existsSync(folder)).toBe(false);
  }, 60_000);
});

describe("manifests that can't be read", () => {
  test.each([{ command: "render" }, { command: "check" }, { command: "serve" }, { command: "up" }])(
    "umbra $command says where, and exits with 1",
    async ({ command }) => {
      const file = join(mkdtempSync(join(tmpdir(), "umbra-e2e-")), "bad.yaml");
      writeFileSync(file, "apiVersion: v1\nkind: Service\nmetadata: {name: [\n");
      const { status, stderr, stdout } = await runUmbra(command, "-f", file);
      expect(status).toBe(1);
      expect(stderr).toMatch(/bad\.yaml:\d+:\d+ error UMB\d+/);
      expect(stdout).toBe("");
    },
  );

  test.each([
    { name: "an unknown flag", args: ["render", "--nonsense"] },
    { name: "no resources", args: ["render"] },
    {
      name: "a bad port",
      args: ["render", "--primary", "127.0.0.1:1", "--listener", "http=99999"],
    },
    { name: "an endpoint that is none", args: ["up", "--primary", "not-an-endpoint"] },
  ])("wrong usage exits with 2: $name", async ({ args }) => {
    const { status, stderr } = await runUmbra(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/error:/);
  });
});
