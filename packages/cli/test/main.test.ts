import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { program } from "@umbra/cli/internal";
import { runCommand } from "./run-command.ts";

const examples = fileURLToPath(new URL("../../../examples/mirror", import.meta.url));

const run = (...args: readonly string[]) =>
  runCommand(args, { readStdin: () => "kind: Gateway\n" });

/** A folder with a link to itself, by a name that is read. */
function folderInItself(): string {
  const folder = mkdtempSync(join(tmpdir(), "umbra-test-"));
  writeFileSync(join(folder, "a.yaml"), "kind: Gateway\n");
  symlinkSync(folder, join(folder, "b.yaml"));
  return folder;
}

const io = { stdout() {}, stderr() {}, env: {} } as unknown as Io;

describe("umbra", () => {
  test.each([
    "render",
    "check",
    "doctor",
    "serve",
    "up",
    "simulate",
    "demo",
    "verify",
    "load",
    "report",
    "docs",
  ])("%s --help has an example", async (command) => {
    const { status, stdout } = await run(command, "--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n {2}\\$ umbra ${command}`));
  });

  test.each(program(io).commands.map((command) => ({ command, name: command.name() })))(
    "$name, loaded without the other commands, has the same help as in the whole program",
    async ({ command, name }) => {
      const { stdout } = await run(name, "--help");
      expect(stdout).toContain(command.helpInformation());
      expect(await run(name, "--nonsense")).toMatchObject({ status: 2 });
    },
  );

  test("suggests the closest command for an unknown one", async () => {
    const { status, stderr } = await run("rendr");
    expect(status).toBe(2);
    expect(stderr).toContain("Did you mean render?");
  });

  test.each([
    ["route-config", "envoy.config.route.v3.RouteConfiguration"],
    ["clusters", "envoy.config.cluster.v3.Cluster"],
    ["pick-filter", "envoy.config.core.v3.TypedExtensionConfig"],
    ["observe-filter", "envoy.config.core.v3.TypedExtensionConfig"],
    ["shadow-lane", "envoy.config.listener.v3.Listener"],
  ])("render --format %s prints resources of %s", async (format, type) => {
    const { status, stdout } = await run("render", "-f", examples, "--format", format);
    expect(status).toBe(0);
    const types = [...stdout.matchAll(/^ {2}- "@type": type.googleapis.com\/(.*)$/gm)];
    expect(new Set(types.map(([, each]) => each))).toEqual(new Set([type]));
  });

  test("render --format route-config prints the routes of one listener", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "umbra-test-")), "gateway.yaml");
    writeFileSync(
      file,
      `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g}, spec: {listeners: [
        {name: a, port: 8080, protocol: HTTP}, {name: b, port: 8081, protocol: HTTP}]}}`,
    );
    const render = ["render", "-f", file, "--format", "route-config"];
    expect(await run(...render)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("choose one with --of-listener (default/g/a, default/g/b)"),
    });
    expect(await run(...render, "--of-listener", "c")).toMatchObject({ status: 2 });
    const { stdout } = await run(...render, "--of-listener", "b");
    expect(stdout).toContain("name: 0.0.0.0:8081");
    expect(stdout).not.toContain("name: 0.0.0.0:8080");
  });

  test("render prints the bootstrap on stdout and messages on stderr", async () => {
    const { status, stdout, stderr } = await run(
      "render",
      "-f",
      examples,
      "--sidecar",
      "127.0.0.1:7002",
      "--listener",
      "http=7080",
    );
    expect(status).toBe(0);
    expect(stdout).toContain("port_value: 7002");
    expect(stdout).toContain("port_value: 7080");
    expect(stderr).toContain("UMB0205");
  });

  test("a flag sets a pool's pick mode", async () => {
    const { stdout } = await run(
      "render",
      ...["-f", examples, "--pick-mode", "vllm-llama2-7b-pool=duplex"],
    );
    expect(stdout).toContain("request_body_mode: FULL_DUPLEX_STREAMED");
  });

  test("check prints the topology", async () => {
    const { stdout } = await run("check", "-f", examples, "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject({
      version: 3,
      modelServers: [{ replicas: 3 }, { replicas: 3 }],
    });
  });

  test("reads standard input", async () => {
    expect(await run("check", "-f", "-")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^-:1:1 error UMB0103 `apiVersion` is missing/),
    });
  });

  test.each([
    { name: "an unknown command", args: ["rendr"], words: "unknown command" },
    { name: "an unknown flag", args: ["render", "--fil"], words: "unknown option" },
    { name: "no resources", args: ["render"], words: "name files or folders with -f" },
    {
      name: "both ways to name endpoints",
      args: ["up", "-f", examples, "--primary", "10.0.0.1:80"],
      words: "either -f, or --primary",
    },
    {
      name: "a shadow alone",
      args: ["up", "--shadow", "10.0.0.1:80"],
      words: "--shadow needs --primary",
    },
    {
      name: "a rate that is not a number",
      args: ["load", "--model", "m", "--rate", "fast"],
      words: "--rate expects a number",
    },
    {
      name: "a listener without port",
      args: ["render", "-f", examples, "--listener", "http"],
      words: "--listener expects NAME=PORT",
    },
    {
      name: "an unknown pick mode",
      args: ["render", "-f", examples, "--pick-mode", "vllm-llama2-7b-pool=streamed"],
      words: "choose one of headers, buffered, duplex",
    },
    {
      name: "an unknown setting",
      args: ["render", "--primary", "10.0.0.1:80", "--set", "maxBdy=8Mi"],
      words: "did you mean maxBody?",
    },
    {
      name: "a setting that is too small",
      args: ["render", "--primary", "10.0.0.1:80", "--set", "maxBody=8"],
      words: "must be a size from 1Ki to 1Gi",
    },
    {
      name: "a pick mode without resources",
      args: ["render", "--primary", "10.0.0.1:80", "--pick-mode", "primary=duplex"],
      words: "give the files with -f",
    },
    {
      name: "an unknown pool",
      args: ["serve", "-f", examples, "--pool", "other"],
      words: '--pool: there is no pool "other"; choose one of default/vllm-llama2-7b-pool',
    },
    {
      name: "half a fallback",
      args: ["serve", "-f", examples, "--fallbacks", "0.5"],
      words: '--fallbacks expects a whole number from 0 to 15, got "0.5"',
    },
    {
      name: "an invalid header name",
      args: ["serve", "-f", examples, "--destination-header", "X To"],
      words: "--destination-header expects a lower-case header name",
    },
    {
      name: "a header that Envoy reserves",
      args: ["serve", "-f", examples, "--destination-header", "host"],
      words: '--destination-header can\'t be "host"',
    },
    {
      name: "an empty namespace",
      args: ["serve", "-f", examples, "--subset-namespace", ""],
      words: "--subset-namespace is empty",
    },
    {
      name: "an unknown log level",
      args: ["serve", "-f", examples, "--log-level", "loud"],
      words: "Allowed choices are trace, debug, info, warn, error, silent",
    },
  ])("exits with 2 on $name", async ({ args, words }) => {
    const { status, stderr, stdout } = await run(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(words);
  });

  test.each([
    {
      name: "a missing file",
      args: ["render", "-f", "/nowhere.yaml"],
      words: 'no file or folder "/nowhere.yaml"',
    },
    {
      name: "a folder without YAML",
      args: ["render", "-f", mkdtempSync(join(tmpdir(), "umbra-test-"))],
      words: "contains no .yaml",
    },
    {
      name: "a folder with a link to itself",
      args: ["render", "-f", folderInItself()],
      words: "more than 20 folders inside each other",
    },
    {
      name: "an endpoints flag for an unknown pool",
      args: ["check", "-f", examples, "--endpoints", "vllm-llama2-7b-pol=10.0.0.1:80"],
      words: 'did you mean "vllm-llama2-7b-pool"?',
    },
    {
      name: "a pick mode for an unknown pool",
      args: ["check", "-f", examples, "--pick-mode", "vllm-llama2-7b-pol=duplex"],
      words: 'did you mean "vllm-llama2-7b-pool"?',
    },
    {
      name: "a report without a sidecar",
      args: ["report", "--admin", "127.0.0.1:1"],
      words: "start one with `umbra up` or `umbra serve`",
    },
  ])("exits with 1 on $name", async ({ args, words }) => {
    const { status, stderr } = await run(...args);
    expect(status).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain("    at ");
  });

  test("reads every YAML file of a folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "umbra-test-"));
    writeFileSync(join(folder, "a.yaml"), "kind: Service\n");
    writeFileSync(join(folder, "b.yml"), "kind: Service\n");
    const { stderr } = await run("check", "-f", folder);
    expect(stderr.match(/UMB0103/g)).toHaveLength(2);
  });
});
