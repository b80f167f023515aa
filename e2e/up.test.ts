import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { chat, post } from "./harness/client.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { type Running, runUmbra, startUmbra } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

async function startUp(
  primary: string,
  shadow: string,
): Promise<{ up: Running; origin: string; admin: string }> {
  const [http, grpc, admin, envoyAdmin] = await freePorts(4);
  const up = startUmbra(
    ...["up", "--primary", primary, "--shadow", shadow, "--bind", "127.0.0.1"],
    ...["--listener", `http=${http}`, "--grpc", `127.0.0.1:${grpc}`],
    ...["--admin", `127.0.0.1:${admin}`, "--envoy-admin", `127.0.0.1:${envoyAdmin}`],
  );
  await until("umbra up is ready", () => up.output().includes("umbra: ready"), 30_000);
  return { up, origin: `http://127.0.0.1:${http}`, admin: `127.0.0.1:${admin}` };
}

/** Process ids of the children whose command line matches. */
function childrenOf(pid: number | undefined, pattern: RegExp): number[] {
  const rows = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(pid)], {
    encoding: "utf8",
  });
  return rows
    .split("\n")
    .filter((row) => pattern.test(row))
    .map((row) => Number.parseInt(row, 10));
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
  test.each(["SIGINT", "SIGTERM"] as const)(
    "ends its children on %s",
    async (signal) => {
      const servers = await startModelServers(2);
      const [first, second] = servers.map(({ address }) => address);
      const { up, origin } = await startUp(first ?? "", second ?? "");
      expect((await post(origin, chat(), { host: "any.example" })).status).toBe(200);
      const children = childrenOf(up.process.pid, /envoy|serve/);
      expect(children).toHaveLength(2);
      await up.stop(signal);
      expect(up.process.exitCode).toBe(0);
      expect(children.filter(isAlive)).toEqual([]);
      await stopModelServers(servers);
    },
    60_000,
  );

  test("ends when Envoy dies, and shows how", async () => {
    const servers = await startModelServers(1);
    const { up } = await startUp(addresses(servers), addresses(servers));
    const [envoy] = childrenOf(up.process.pid, /--disable-hot-restart/);
    process.kill(envoy ?? 0, "SIGKILL");
    await until("umbra up has ended", () => up.process.exitCode !== null);
    expect(up.process.exitCode).toBe(1);
    expect(up.output()).toContain("Envoy ended (signal SIGKILL)");
    await stopModelServers(servers);
  }, 60_000);

  test("starts the sidecar again when it dies", async () => {
    const servers = await startModelServers(1);
    const { up, origin } = await startUp(addresses(servers), addresses(servers));
    const [sidecar] = childrenOf(up.process.pid, / serve /);
    process.kill(sidecar ?? 0, "SIGKILL");
    await until("another sidecar runs", () => {
      const now = childrenOf(up.process.pid, / serve /);
      return now.length === 1 && now[0] !== sidecar;
    });
    expect((await post(origin, chat())).status).toBe(200);
    await up.stop();
    await stopModelServers(servers);
  }, 60_000);

  test("verify proves the mirroring and report shows both lanes", async () => {
    const primary = await startModelServers(2);
    const shadow = await startModelServers(2);
    const { up, origin, admin } = await startUp(addresses(primary), addresses(shadow));
    const proof = await runUmbra(
      "verify",
      "--url",
      origin,
      "--admin",
      admin,
      "--model",
      "/model/llama2",
    );
    expect(proof.stderr).toBe("");
    expect(proof.status).toBe(0);
    const report = await runUmbra("report", "--admin", admin);
    expect(report.status).toBe(0);
    expect(report.stdout).toMatch(/primary[\s\S]*shadow/i);
    await up.stop();
    await stopModelServers([...primary, ...shadow]);
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
