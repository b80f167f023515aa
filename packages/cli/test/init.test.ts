import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { readTopology, type Topology } from "@umbra/envoy-config";
import fc from "fast-check";
import { runCommand } from "./run-command.ts";

function scratch(): string {
  return join(mkdtempSync(join(tmpdir(), "umbra-init-")), "umbra");
}

const run = (args: readonly string[], terminal?: NonNullable<Io["terminal"]>) =>
  runCommand(["init", ...args], terminal === undefined ? {} : { terminal });

function read(folder: string) {
  const files = readdirSync(folder).map((name) => ({
    name: join(folder, name),
    text: readFileSync(join(folder, name)),
  }));
  return readTopology(files);
}

/** The output of `umbra check -o json`, if there are no findings. */
function sound(folder: string): Topology {
  const { topology, diagnostics } = read(folder);
  expect(diagnostics).toEqual([]);
  return topology;
}

describe("with flags", () => {
  test("writes files that pass umbra check and contain the given values", async () => {
    const folder = scratch();
    const { status, stdout, stderr } = await run([
      ...["--yes", "--dir", folder, "--primary", "10.0.0.2:8000,10.0.0.1:8000"],
      ...["--shadow", "[2001:db8::1]:9000", "--model", "llama-3", "--shadow-model", "llama-3-fp8"],
      ...["--percent", "10", "--hostname", "Chat.Example.com", "--port", "8181"],
    ]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(readdirSync(folder)).toEqual(["gateway.yaml", "pools.yaml", "shadow-policy.yaml"]);
    expect(stderr).toContain(`wrote ${join(folder, "gateway.yaml")}\n`);
    expect(stderr).toContain(
      "umbra verify --url http://127.0.0.1:8181 --host chat.example.com --model 'llama-3'",
    );
    const { listeners, pools, mirrors } = sound(folder);
    expect(pools).toMatchObject([
      {
        name: "default/primary",
        endpoints: ["10.0.0.1:8000", "10.0.0.2:8000"],
        failureMode: "FailOpen",
        models: [{ name: "llama-3" }],
      },
      { name: "default/shadow", endpoints: ["[2001:db8::1]:9000"] },
    ]);
    const [listener] = listeners;
    expect(listener).toMatchObject({ name: "0.0.0.0:8181", port: 8181 });
    const [host] = listener?.virtualHosts ?? [];
    expect(host?.domains).toEqual(["chat.example.com"]);
    expect(host?.routes[0]).toMatchObject({
      action: { backends: [{ pool: "default/primary" }] },
      mirrors: ["default/chat/0/mirror/0"],
    });
    expect(mirrors).toMatchObject([
      {
        name: "default/chat/0/mirror/0",
        pool: "default/shadow",
        perMillion: 100_000,
        evaluation: { isSameModel: false },
        policy: { rewrite: { model: { "llama-3": "llama-3-fp8" } } },
      },
    ]);
  });

  test("without a shadow there is no mirror and no policy", async () => {
    const folder = scratch();
    expect(await run(["-y", "--dir", folder, "--primary", "10.0.0.1:8000"])).toMatchObject({
      status: 0,
    });
    expect(readdirSync(folder)).toEqual(["gateway.yaml", "pools.yaml"]);
    const { listeners, pools } = sound(folder);
    expect(pools.map(({ name }) => name)).toEqual(["default/primary"]);
    expect(listeners[0]?.virtualHosts[0]?.routes[0]?.mirrors).toEqual([]);
  });

  test("--dir - prints them as one stream", async () => {
    const { stdout } = await run([
      "-y",
      "--dir",
      "-",
      "--primary",
      "10.0.0.1:8000",
      "--shadow",
      "10.0.1.1:8000",
    ]);
    expect(readTopology([{ name: "-", text: stdout }]).diagnostics).toEqual([]);
  });

  test("keeps existing files without --force", async () => {
    const folder = scratch();
    const args = ["-y", "--dir", folder, "--primary", "10.0.0.1:8000"];
    await run(args);
    const file = join(folder, "pools.yaml");
    writeFileSync(file, "mine");
    const again = await run([...args, "--shadow", "10.0.1.1:8000"]);
    expect(again).toMatchObject({ status: 1, stdout: "" });
    expect(again.stderr).toContain(`${join(folder, "gateway.yaml")}, ${file} already exist`);
    expect(readFileSync(file, "utf8")).toBe("mine");
    expect(existsSync(join(folder, "shadow-policy.yaml"))).toBe(false);
    expect(await run([...args, "--force"])).toMatchObject({ status: 0 });
    sound(folder);
  });

  test("a folder that can't be written is reported", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "umbra-init-")), "file");
    writeFileSync(file, "");
    const { status, stderr } = await run(["-y", "--dir", file, "--primary", "10.0.0.1:8000"]);
    expect(status).toBe(1);
    expect(stderr).toContain(`can't write to "${file}"`);
  });

  test.each([
    [["-y"], "--primary"],
    [[], "on a terminal, without --yes, umbra init prompts for them"],
    [["--primary", "example.com:80"], '--primary: "example.com:80" is not ip:port'],
    [
      ["--primary", "10.0.0.1:80", "--shadow", "10.0.0.2:1,10.0.0.1:80"],
      "--shadow: 10.0.0.1:80 is already a primary endpoint",
    ],
    [["--primary", "10.0.0.1:80", "--percent", "0"], "--percent: expected a number above 0"],
    [["--primary", "10.0.0.1:80", "--port", "80a"], "--port: expected a port"],
    [["--primary", "10.0.0.1:80", "--hostname", "http://a"], "--hostname: expected a hostname"],
    [["--primary", "10.0.0.1:80", "--model", "a\nb"], "--model must be a single line"],
    [["--primary", "10.0.0.1:80", "--shadow-model", "a"], "--shadow-model needs --model"],
  ])("%p is wrong usage", async (args, message) => {
    const folder = scratch();
    const { status, stderr } = await run([...args, "--dir", folder]);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(folder)).toBe(false);
  });

  test("no name is read as YAML", async () => {
    const names = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(names, names, async (model, shadowModel) => {
        const { stdout, status } = await run([
          ...["-y", "--dir", "-", "--primary", "10.0.0.1:8000", "--shadow", "10.0.1.1:8000"],
          ...[`--model=${model}`, `--shadow-model=${shadowModel}`],
        ]);
        expect(status).toBe(0);
        const { topology, diagnostics } = readTopology([{ name: "-", text: stdout }]);
        expect(diagnostics).toEqual([]);
        expect(topology.pools[0]?.models).toEqual([{ name: model, criticality: "Standard" }]);
        const rewrite = topology.mirrors[0]?.policy?.rewrite.model;
        expect(rewrite).toEqual(model === shadowModel ? {} : { [model]: shadowModel });
      }),
      { numRuns: 40 },
    );
  });
});

/** A user who types an answer after each prompt. */
async function sitsThere(
  args: readonly string[],
  script: readonly (readonly [question: string, typed: string])[],
) {
  const input = new PassThrough();
  const output = new PassThrough();
  let screen = "";
  output.on("data", (chunk) => {
    screen += String(chunk);
  });
  const done = run(args, { input, output });
  let isOver = false;
  void done.finally(() => {
    isOver = true;
  });
  let from = 0;
  for (const [question, typed] of script) {
    const deadline = performance.now() + 10_000;
    while (!screen.slice(from).includes(question)) {
      if (isOver || performance.now() > deadline)
        throw new Error(`"${question}" was never asked; the screen shows ${screen}`);
      await sleep(5);
    }
    from = screen.length;
    input.write(typed);
  }
  return { ...(await done), screen };
}

describe("on a terminal", () => {
  test("prompts for missing values, and again after a wrong answer", async () => {
    const folder = scratch();
    const { status } = await sitsThere(
      ["--dir", folder, "--port", "8181"],
      [
        ["Primary endpoints, which answer clients", "10.0.0.1\r"],
        ["is not ip:port", ":8000\r"],
        ["Shadow endpoints", "10.0.1.1:8000\r"],
        ["Model that clients request", "llama\r"],
        ["Model that the shadow serves", "\r"],
        ["Percentage of requests", "\r"],
        ["Hostname in client requests", "\r"],
      ],
    );
    expect(status).toBe(0);
    const { listeners, pools, mirrors } = sound(folder);
    expect(listeners[0]).toMatchObject({ port: 8181, virtualHosts: [{ domains: ["*"] }] });
    expect(mirrors[0]?.perMillion).toBe(1_000_000);
    expect(pools.map(({ endpoints }) => endpoints)).toEqual([["10.0.0.1:8000"], ["10.0.1.1:8000"]]);
  });

  test("does not prompt for shadow values without a shadow", async () => {
    const folder = scratch();
    const { status, screen } = await sitsThere(
      ["--dir", folder, "--primary", "10.0.0.1:8000"],
      [
        ["Shadow endpoints", "\r"],
        ["Model that clients request", "\r"],
        ["Hostname in client requests", "chat.example.com\r"],
        ["Port that clients connect to", "\r"],
      ],
    );
    expect(status).toBe(0);
    expect(screen).not.toContain("Percent");
    expect(sound(folder).listeners[0]).toMatchObject({ port: 8080 });
  });

  test("writes nothing when the user cancels", async () => {
    const folder = scratch();
    const { status, stderr } = await sitsThere(
      ["--dir", folder],
      [["Primary endpoints", "\u0003"]],
    );
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: "error: cancelled; nothing was written\n",
    });
    expect(existsSync(folder)).toBe(false);
  });

  test("--yes does not prompt", async () => {
    const folder = scratch();
    const { status, screen } = await sitsThere(
      ["-y", "--dir", folder, "--primary", "10.0.0.1:8000"],
      [],
    );
    expect({ status, screen }).toEqual({ status: 0, screen: "" });
  });
});
