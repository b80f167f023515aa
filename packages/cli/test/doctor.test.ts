import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { crashingGuard } from "@umbra/envoy-config/internal";
import { createSimulatedServer, type SimulatorOptions } from "@umbra/simulator";
import { affecting, envoyAdvisories } from "../src/doctor/advisories.ts";
import { judgeEnvoy } from "../src/doctor/envoy.ts";
import type { Finding } from "../src/doctor/finding.ts";
import { judgeMachine, type Machine, thisMachine } from "../src/doctor/machine.ts";
import { mapConcurrently } from "../src/doctor/map-concurrently.ts";
import { judgePorts, type WantedPort } from "../src/doctor/ports.ts";
import { versionIn } from "../src/doctor/version.ts";
import { llamaRoute } from "./llama-route.ts";
import { runCommand } from "./run-command.ts";

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

function closed(server: Server | TcpServer): Promise<unknown> {
  return new Promise((resolve) => server.close(resolve));
}

/** Returns `ip:port`. */
async function listening(server: Server | TcpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    if ("closeAllConnections" in server) server.closeAllConnections();
    return closed(server);
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function httpServer(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  return listening(createServer(serve));
}

async function modelServer(options: Partial<SimulatorOptions> = {}): Promise<string> {
  const server = createSimulatedServer({ timeScale: 0, ...options });
  const address = await server.listen(0);
  closing.push(() => server.close());
  return address;
}

async function freeAddress(): Promise<string> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await closed(server);
  return `127.0.0.1:${port}`;
}

function fakeEnvoy(says: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "umbra-doctor-")), "envoy");
  writeFileSync(file, `#!/bin/sh\n${says}\n`);
  chmodSync(file, 0o755);
  return file;
}

const soundEnvoy = fakeEnvoy('echo "envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL"');

const brokenEnvoy = fakeEnvoy("exit 3");

function doctor(...args: readonly string[]) {
  return doctorWith({ ENVOY_BIN: soundEnvoy }, ...args);
}

async function doctorWith(env: Io["env"], ...args: readonly string[]) {
  const own: string[] = [];
  for (const flag of ["--grpc", "--admin", "--envoy-admin"]) {
    if (!args.includes(flag)) own.push(flag, await freeAddress());
  }
  if (!args.includes("--listener")) {
    own.push("--listener", `http=${(await freeAddress()).split(":")[1]}`);
  }
  return runCommand(["doctor", "--bind", "127.0.0.1", ...own, ...args], { env });
}

async function findings(...args: readonly string[]): Promise<readonly Finding[]> {
  const { stdout } = await doctor(...args, "-o", "json");
  return (JSON.parse(stdout) as { readonly findings: readonly Finding[] }).findings;
}

function codes(of: readonly Finding[]): readonly string[] {
  return of.flatMap(({ code }) => code ?? []);
}

describe("the advisories", () => {
  test.each([
    ["1.40.0", []],
    ["1.39.1", []],
    ["1.38.3", ["CVE-2026-73513", "CVE-2026-73552"]],
    [
      "1.38.2",
      ["CVE-2026-73513", "CVE-2026-73552", "CVE-2026-47207", "CVE-2026-47221", "CVE-2026-48042"],
    ],
    ["1.35.13", ["CVE-2026-73513", "CVE-2026-73552"]],
    ["1.36.11", []],
  ])("of Envoy %s are %p", (version, want) => {
    const held = affecting(versionIn(version) ?? [0, 0, 0], envoyAdvisories, 2);
    expect(held.map(({ id }) => id)).toEqual(want);
  });

  test("all affect a version older than every fix", () => {
    expect(affecting([1, 20, 0], envoyAdvisories, 2)).toEqual(envoyAdvisories);
  });

  test("a release line without a fix is affected if a later one has a fix", () => {
    const advisory = { id: "X", what: "x", fixedIn: ["20.1.0", "24.1.0"] };
    expect(affecting([22, 9, 9], [advisory], 1)).toEqual([advisory]);
    expect(affecting([25, 0, 0], [advisory], 1)).toEqual([]);
    expect(affecting([24, 2, 0], [advisory], 1)).toEqual([]);
  });
});

describe("the machine", () => {
  const sound: Machine = {
    node: "v24.15.0",
    processors: 8,
    memoryBytes: 2 ** 33,
    openFiles: 65_536,
  };

  test.each<[Partial<Machine>, readonly string[]]>([
    [{}, []],
    [{ openFiles: "unlimited" }, []],
    [{ openFiles: undefined }, []],
    [{ node: "v20.20.2" }, ["error UMB0401"]],
    [{ node: "v22.18.9" }, ["error UMB0401"]],
    [{ node: "v22.19.0" }, ["warning UMB0402"]],
    [{ node: "v22.22.2" }, []],
    [{ node: "v23.1.0" }, ["warning UMB0402"]],
    [{ openFiles: 1_024 }, ["warning UMB0407"]],
    [{ memoryBytes: 2 ** 28, processors: 1 }, ["warning UMB0408", "info UMB0408"]],
  ])("%p gets %p", (change, want) => {
    const found = judgeMachine({ ...sound, ...change }).filter(({ severity }) => severity !== "ok");
    expect(found.map(({ severity, code }) => `${severity} ${code}`)).toEqual(want);
    for (const { remedy } of found) expect(remedy).toMatch(/\w/);
  });

  test("the facts of this machine can be read", () => {
    const { node, processors, memoryBytes, openFiles } = thisMachine();
    expect(node).toBe(process.version);
    expect(processors).toBeGreaterThan(0);
    expect(memoryBytes).toBeGreaterThan(2 ** 20);
    expect(openFiles === "unlimited" || Number(openFiles) > 0).toBe(true);
  });
});

describe("Envoy", () => {
  const at = (says: string) =>
    judgeEnvoy(
      { ok: true, path: "/bin/envoy", origin: "found on the PATH", versionOutput: says },
      undefined,
    );

  test.each([
    ["envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL", []],
    ["envoy  version: 9e55/1.41.2/Clean/RELEASE/BoringSSL", ["info UMB0404"]],
    [
      "envoy  version: 9e55/1.38.3/Clean/RELEASE/BoringSSL",
      ["warning UMB0404", "warning UMB0405", "warning UMB0405"],
    ],
    ["something else", ["warning UMB0404"]],
  ])("that says %p gets %p", (says, want) => {
    const found = at(says).filter(({ severity }) => severity !== "ok");
    expect(found.map(({ severity, code }) => `${severity} ${code}`)).toEqual(want);
  });

  test("a vulnerability is reported with the version that fixes it", () => {
    const [, first] = at("9e55/1.38.2/Clean");
    expect(first?.message).toBe(
      "Envoy at /bin/envoy (found on the PATH) is 1.38.2, which has CVE-2026-73513: HTTP/2 trailers without END_STREAM crash Envoy, even from an endpoint",
    );
    expect(first?.remedy).toBe("update Envoy to 1.38.4, 1.39.1 or later");
  });

  test("a missing Envoy is an error unless one is already running", () => {
    const none = { ok: false, reason: "Envoy not found: do this" } as const;
    expect(judgeEnvoy(none, undefined)).toMatchObject([
      { severity: "error", code: "UMB0403", message: "Envoy not found: do this" },
    ]);
    expect(judgeEnvoy(none, "9e55/1.40.0/Clean")).toMatchObject([{ severity: "ok" }]);
  });
});

describe("ports", () => {
  const wanted: WantedPort = {
    host: "127.0.0.1",
    port: 9002,
    owner: "sidecar",
    user: "the sidecar's gRPC server",
    remedy: "choose another with --grpc",
  };

  test.each([
    ["free", "127.0.0.1:9002 is free for the sidecar's gRPC server", undefined],
    [
      "EADDRINUSE",
      "127.0.0.1:9002 is in use, but the sidecar's gRPC server needs it",
      "stop the process that listens there, or choose another with --grpc",
    ],
    [
      "EACCES",
      "this user may not listen on 127.0.0.1:9002, but the sidecar's gRPC server needs it",
      "choose another with --grpc, or give Envoy CAP_NET_BIND_SERVICE",
    ],
    [
      "EADDRNOTAVAIL",
      "127.0.0.1 is not an address of this machine, but the sidecar's gRPC server should listen on it",
      "use an address of this machine, or 0.0.0.0 for all",
    ],
    [
      "EMFILE",
      "can't listen on 127.0.0.1:9002 for the sidecar's gRPC server: EMFILE",
      "choose another with --grpc",
    ],
  ])("%s", (state, message, remedy) => {
    expect(judgePorts([wanted], [state])).toMatchObject([
      { message, ...(remedy === undefined ? {} : { remedy }) },
    ]);
  });

  test("a port that Umbra itself uses is fine", () => {
    expect(
      judgePorts([{ ...wanted, heldBy: "the running sidecar" }], ["EADDRINUSE"]),
    ).toMatchObject([{ severity: "ok" }]);
  });

  test("two users of the same port are reported", () => {
    const other = { ...wanted, user: 'listener "http"' };
    expect(judgePorts([wanted, other], ["free", "free"])).toMatchObject([
      { severity: "ok" },
      {
        severity: "error",
        message: `port 9002 is used by both the sidecar's gRPC server and listener "http"`,
      },
    ]);
  });

  test("finds a port that is in use", async () => {
    const taken = await listening(createTcpServer());
    const { status, stdout } = await doctor("--grpc", taken);
    expect(status).toBe(1);
    expect(stdout).toContain(
      `error    UMB0406 ${taken} is in use, but the sidecar's gRPC server needs it`,
    );
  });
});

describe("endpoints", () => {
  test("shows a working model server with its load, adapters and models", async () => {
    const primary = await modelServer({
      enableLora: true,
      loraModules: [{ name: "sql-lora", path: "/adapters/sql" }],
      maxLoras: 4,
    });
    const { status, stdout, stderr } = await doctor("--primary", primary);
    expect(stdout).toMatch(
      new RegExp(
        `pool default/primary\\n {2}ok {7}${primary} is vllm: 0 waiting, 0 running, .*; /model/llama2, sql-lora; page of \\d+ KiB in \\d+ ms`,
      ),
    );
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^(no problems found|no errors found)/),
    });
  });

  test("a page before the first request reports no load yet", async () => {
    const primary = await httpServer((request, response) => {
      response.writeHead(request.url === "/metrics" ? 200 : 404).end("python_info 1.0\n");
    });
    expect(await findings("--primary", primary)).toContainEqual(
      expect.objectContaining({
        severity: "ok",
        message: expect.stringMatching(/^127\.0\.0\.1:\d+ reports no load yet, .*; page of/),
      }),
    );
  });

  test("one unreachable endpoint is a warning, all unreachable an error", async () => {
    const up = await modelServer();
    const down = await freeAddress();
    const some = await findings("--primary", `${up},${down}`);
    expect(some.find(({ code }) => code === "UMB0410")).toMatchObject({
      severity: "warning",
      message: `${down} can't be reached: ECONNREFUSED`,
    });
    const all = await doctor("--primary", up, "--shadow", down);
    expect(all.status).toBe(1);
    expect(all.stdout).toContain(
      `pool default/shadow\n  error    UMB0410 ${down} can't be reached`,
    );
  });

  test("an endpoint that hangs times out", async () => {
    const hanging = await httpServer(() => {});
    const startedMs = performance.now();
    const found = await findings("--primary", hanging, "--timeout", "0.2");
    expect(found).toContainEqual(
      expect.objectContaining({
        code: "UMB0410",
        message: `${hanging} does not answer within 0.2 s`,
      }),
    );
    expect(performance.now() - startedMs).toBeLessThan(20_000);
  });

  const page = (text: string) =>
    httpServer((request, response) =>
      request.url === "/metrics" ? response.end(text) : response.writeHead(404).end(),
    );

  test.each<[string, () => Promise<string>, string]>([
    [
      "an error status",
      () => httpServer((_, response) => response.writeHead(404).end()),
      "/metrics answers 404",
    ],
    [
      "a page without the metrics that a pick needs",
      () => page("up 1\n"),
      "/metrics has no vllm:num_requests_waiting, vllm:num_requests_running, vllm:kv_cache_usage_perc",
    ],
    [
      "a page that is too large",
      () => page("# x\n".repeat(1_200_000)),
      "/metrics is larger than 4 MiB",
    ],
    [
      "bytes that are not text",
      () => page("\u0000\u001b[2J\ud800"),
      "/metrics has no vllm:num_requests_waiting, vllm:num_requests_running, vllm:kv_cache_usage_perc",
    ],
  ])("%s can't be used", async (_name, start, message) => {
    const address = await start();
    const found = await findings("--primary", address);
    expect(found).toContainEqual(
      expect.objectContaining({
        severity: "warning",
        code: "UMB0411",
        message: `${address}${message}`,
      }),
    );
  });

  test("a page slower than the sidecar's timeout is reported", async () => {
    const text =
      "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n";
    const address = await httpServer((_, response) => {
      setTimeout(() => response.end(text), 1_100);
    });
    const found = await findings("--primary", address, "--timeout", "10");
    expect(found).toContainEqual(expect.objectContaining({ severity: "warning", code: "UMB0412" }));
  });

  test("a clock that differs is reported", async () => {
    const address = await httpServer((_, response) => {
      response.setHeader("date", new Date(Date.now() + 120_000).toUTCString());
      response.end(
        "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n",
      );
    });
    const found = await findings("--primary", address);
    expect(found.find(({ code }) => code === "UMB0409")?.message).toMatch(
      new RegExp(`^the clock of ${address} is 1\\d\\d s ahead of this machine's$`),
    );
  });

  test("endpoints of one pool that serve different models are reported", async () => {
    const one = await modelServer({ model: "one" });
    const two = await modelServer({ model: "two" });
    const found = await findings("--primary", `${one},${two}`);
    expect(found.find(({ code }) => code === "UMB0413")).toMatchObject({
      area: "pool default/primary",
    });
    expect(codes(await findings("--primary", one, "--shadow", two))).not.toContain("UMB0413");
  });

  test("a model that the resources name but no endpoint serves is reported with the served models", async () => {
    const address = await modelServer({ model: "llama", servedModelNames: ["llama"] });
    const file = join(mkdtempSync(join(tmpdir(), "umbra-doctor-")), "resources.yaml");
    writeFileSync(
      file,
      `${llamaRoute}apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "${address}"}}
spec:
  selector: {matchLabels: {app: llama}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: picker, port: {number: 9002}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: m}
spec: {modelName: lama, poolRef: {name: llama}}
`,
    );
    const found = await findings("-f", file);
    expect(found.find(({ code }) => code === "UMB0414")).toMatchObject({
      area: "pool default/llama",
      message: "no endpoint serves lama, although the resources name it; served models: llama",
    });
  });

  test("the findings of umbra check are reported too", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "umbra-doctor-")), "resources.yaml");
    writeFileSync(file, "apiVersion: v1\nkind: Service\nmetadata: {}\n");
    const { status, stdout } = await doctor("-f", file);
    expect(status).toBe(1);
    expect(stdout).toContain(`resources\n  error    UMB0103 ${file}:3:11 \`name\` is missing`);
  });

  test("many items are processed with limited concurrency", async () => {
    let running = 0;
    let most = 0;
    const results = await mapConcurrently(
      Array.from({ length: 50 }, (_, index) => index),
      { atOnce: 8, deadlineMs: 60_000 },
      async (index) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return index * 2;
      },
    );
    expect(results).toEqual(Array.from({ length: 50 }, (_, index) => index * 2));
    expect(most).toBe(8);
  });

  test("items that can't start in time are skipped", async () => {
    const results = await mapConcurrently(
      [1, 2, 3],
      { atOnce: 1, deadlineMs: 0 },
      async (item) => item,
    );
    expect(results).toEqual([undefined, undefined, undefined]);
  });
});

describe("running processes", () => {
  const json = (pages: Readonly<Record<string, object>>, missing?: readonly string[]) =>
    httpServer((request, response) => {
      const found = pages[request.url ?? ""];
      response
        .writeHead(found === undefined ? 503 : 200)
        .end(JSON.stringify(found ?? { status: "not ready", missing }));
    });

  test("a sidecar that is not ready is reported with the endpoints whose metrics are missing", async () => {
    const admin = await json({
      "/healthz": { status: "alive" },
      "/v1/pools": {
        pools: [
          {
            name: "default/a",
            endpoints: [
              { address: "10.0.0.1:8000", metrics: { kind: "fresh" } },
              {
                address: "10.0.0.2:8000",
                metrics: { kind: "stale" },
                metricsAgeMs: 4_200,
                lastFailure: "ECONNRESET",
              },
              { address: "10.0.0.3:8000", metrics: { kind: "missing" } },
              {
                address: "10.0.0.4:8000",
                metrics: { kind: "missing" },
                lastFailure: "/metrics answered 404: set the metrics path or port",
              },
            ],
          },
        ],
      },
    });
    const found = await findings("--admin", admin);
    expect(
      found
        .filter(({ area }) => area === "sidecar")
        .map(({ code, message, remedy }) => [code, message, remedy]),
    ).toEqual([
      [
        "UMB0415",
        `the sidecar at ${admin} is not ready: /readyz answers 503`,
        "check /readyz of the sidecar and the logs of the sidecar and Envoy",
      ],
      [
        "UMB0412",
        `the sidecar at ${admin} picks without metrics from 10.0.0.2:8000 (pool default/a): they are 4.2 s old (ECONNRESET)`,
        "check the load of the model server and the network",
      ],
      [
        "UMB0412",
        `the sidecar at ${admin} picks without metrics from 10.0.0.3:8000 (pool default/a): they are missing`,
        "check the load of the model server and the network",
      ],
      [
        "UMB0412",
        `the sidecar at ${admin} picks without metrics from 10.0.0.4:8000 (pool default/a): they are missing (/metrics answered 404)`,
        "set the metrics path or port",
      ],
    ]);
    expect(found).toContainEqual(
      expect.objectContaining({
        severity: "ok",
        message: `${admin} is used by the running sidecar: the sidecar's admin interface`,
      }),
    );
  });

  test("a running Envoy is checked by version, and its ports count as its own", async () => {
    const taken = await listening(createTcpServer());
    const port = Number(taken.split(":")[1]);
    const envoyAdmin = await json({
      "/server_info": { version: "9e55/1.36.0/Clean/RELEASE/BoringSSL", state: "DRAINING" },
      "/listeners?format=json": {
        listener_statuses: [
          { name: "http", local_address: { socket_address: { port_value: port } } },
        ],
      },
    });
    const found = await findings(
      "--envoy-admin",
      envoyAdmin,
      "--primary",
      await modelServer(),
      "--listener",
      `http=${port}`,
    );
    expect(found).toContainEqual(
      expect.objectContaining({
        severity: "ok",
        message: `${taken} is used by the running Envoy: listener "http"`,
      }),
    );
    expect(found).toContainEqual(
      expect.objectContaining({ code: "UMB0415", message: `Envoy at ${envoyAdmin} is DRAINING` }),
    );
    expect(codes(found)).toContain("UMB0405");
    expect(codes(found)).not.toContain("UMB0406");
  });

  test.each([
    ["true", ["UMB0330"]],
    ["false", []],
  ])("an Envoy whose crashing guard is %s gets %p", async (final_value, want) => {
    const envoyAdmin = await json({
      "/server_info": { version: "9e55/1.40.0/Clean/RELEASE/BoringSSL", state: "LIVE" },
      "/runtime?format=json": { entries: { [crashingGuard]: { final_value } } },
    });
    const found = await findings("--envoy-admin", envoyAdmin);
    expect(codes(found).filter((code) => code === "UMB0330")).toEqual(want);
  });

  test("what an unready sidecar waits for is reported", async () => {
    const admin = await json({ "/healthz": { status: "alive" } }, [
      "a scrape of default/a",
      "Envoy",
    ]);
    expect(await findings("--admin", admin)).toContainEqual(
      expect.objectContaining({
        code: "UMB0415",
        message: `the sidecar at ${admin} is not ready: a scrape of default/a, Envoy`,
      }),
    );
  });

  test("another program's page at the admin port is not taken for a sidecar", async () => {
    const admin = await httpServer((_, response) => response.end("<html>hello</html>"));
    const found = await findings("--admin", admin);
    expect(found).toContainEqual(expect.objectContaining({ code: "UMB0406" }));
  });
});

describe("the user's own bootstrap", () => {
  const bootstrap = (text: string) => {
    const file = join(mkdtempSync(join(tmpdir(), "umbra-doctor-")), "envoy.yaml");
    writeFileSync(file, text);
    return file;
  };
  const layer = (value: boolean) =>
    `layered_runtime: {layers: [{name: a, static_layer: {${crashingGuard}: ${value}}}]}`;

  test("gets a warning if it enables the crashing guard", async () => {
    const found = await findings("--bootstrap", bootstrap(layer(true)));
    expect(codes(found)).toContain("UMB0330");
  });

  test("is fine if it leaves the guard off", async () => {
    const file = bootstrap(layer(false));
    expect(await findings("--bootstrap", file)).toContainEqual(
      expect.objectContaining({
        severity: "ok",
        message: `${file} enables no guard that crashes Envoy`,
      }),
    );
  });

  test.each([
    ["that is not YAML", bootstrap("a: ["), "can't be read as YAML"],
    ["that is not there", "/nowhere/envoy.yaml", "there is no file"],
  ])("%s is an error", async (_, file, message) => {
    const { status, stderr } = await doctor("--bootstrap", file);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe("the command", () => {
  test("asks Envoy for its version", async () => {
    const { stdout } = await doctor();
    expect(stdout).toContain(`Envoy at ${soundEnvoy} (named by ENVOY_BIN) is 1.40.0`);
  });

  test.each([
    ["/nowhere/envoy", 'ENVOY_BIN is "/nowhere/envoy", which is not an executable file'],
    [brokenEnvoy, `${brokenEnvoy} --version fails: exit status 3`],
  ])("reports that %s can't be run", async (ENVOY_BIN, message) => {
    const { status, stdout } = await doctorWith({ ENVOY_BIN });
    expect(status).toBe(1);
    expect(stdout).toContain(`error    UMB0403 ${message}\n`);
  });

  test("the threshold turns warnings into an exit status", async () => {
    const page = await httpServer((_, response) => response.end("up 1\n"));
    expect(await doctor("--primary", page)).toMatchObject({ status: 0 });
    expect(await doctor("--primary", page, "--failure-threshold", "warning")).toMatchObject({
      status: 1,
    });
  });

  test("an endpoint's answer can't control the terminal", async () => {
    const address = await httpServer((request, response) => {
      response.end(
        request.url === "/metrics"
          ? "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n"
          : JSON.stringify({
              data: [{ id: "m\u009b2Jok" }, { id: "m\u001b[2J\nok  all is well" }],
            }),
      );
    });
    const { stdout } = await doctor("--primary", address);
    expect(stdout).toContain("m\\u009b2Jok");
    for (const word of ["\u001b", "\u009b", "all is well"]) expect(stdout).not.toContain(word);
  });

  test.each([
    ["--admin", "nowhere"],
    ["--timeout", "0"],
    ["-o", "xml"],
  ])("%s %s is wrong usage", async (...args) => {
    expect(await doctor(...args)).toMatchObject({ status: 2, stdout: "" });
  });
});

describe("doctor at an endpoint's own pages", () => {
  const load =
    "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n";
  const list = JSON.stringify({ object: "list", data: [{ id: "base" }] });
  const folder = mkdtempSync(join(tmpdir(), "umbra-key-"));

  function keyFile(text: string, mode = 0o600): string {
    const file = join(mkdtempSync(join(folder, "k-")), "key");
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  const guarded = () =>
    httpServer((request, response) => {
      if (request.url === "/metrics") response.end(load);
      else if (request.headers.authorization === "Bearer k") response.end(list);
      else response.writeHead(401).end();
    });

  test.each([
    { name: "reports no load yet", own: [200, "python_info 1.0\n"] as const },
    { name: "is not there", own: [404, ""] as const },
    { name: "is JSON", own: [200, "{}"] as const },
  ])("shows the annotated page if the endpoint's own page $name", async ({ own }) => {
    const annotated = await httpServer((_request, response) => response.end(load));
    const address = await httpServer((request, response) => {
      const [status, text] = request.url === "/v1/models" ? [200, list] : own;
      response.writeHead(status).end(text);
    });
    expect(await shownBy(address, annotated)).toMatch(/ is vllm: 0 waiting/);
  });

  test("an endpoint counts as reachable even if nothing answers at its annotated page", async () => {
    const address = await httpServer((_request, response) => response.writeHead(404).end());
    const shown = await shownBy(address, await freeAddress());
    expect(shown).toMatch(/UMB0411 \S+ answers 404/);
    expect(shown).not.toContain("can't be reached");
  });

  /** Returns doctor's findings for an endpoint whose Pod has a prometheus.io annotation. */
  async function shownBy(address: string, annotated: string): Promise<string> {
    const [ip, port] = address.split(":");
    const file = join(mkdtempSync(join(folder, "f-")), "all.yaml");
    writeFileSync(
      file,
      `${llamaRoute}apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: ${port}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: llama}, annotations: {prometheus.io/port: "${annotated.split(":")[1]}"}}
spec: {containers: []}
status: {podIP: ${ip}, conditions: [{type: Ready, status: "True"}]}
`,
    );
    return (await doctor("-f", file)).stdout;
  }

  test("a model list that is too long is reported", async () => {
    const long = JSON.stringify({ data: [{ id: "x".repeat(1_048_576) }] });
    const address = await httpServer((request, response) =>
      response.end(request.url === "/metrics" ? load : long),
    );
    const { stdout } = await doctor("--primary", address);
    expect(stdout).toContain("model list not read: ");
  });

  test("a model list that wants a key is a warning, and read with the key", async () => {
    const address = await guarded();
    const without = await findings("--primary", address);
    expect(without.find(({ code }) => code === "UMB0417")).toMatchObject({
      severity: "warning",
      area: "pool default/primary",
      message: `${address}/v1/models answers 401: its models and adapters are unknown`,
      remedy: expect.stringContaining("--endpoint-key-file"),
    });
    const file = keyFile("k\n");
    const { stdout, stderr } = await doctor("--primary", address, "--endpoint-key-file", file);
    expect(stdout).toContain("no LoRA; base;".replace("no LoRA", "no adapter metrics yet"));
    expect(stdout).not.toContain("UMB0417");
    expect(stdout + stderr).not.toContain("Bearer");
  });

  test.each([
    { args: ["--endpoint-key-file", keyFile("secret")], codes: ["UMB0418"] },
    { args: [], codes: [] },
  ])("a key sent over unverified TLS is a warning, with $codes", async (each) => {
    const file = join(folder, "tls.yaml");
    writeFileSync(
      file,
      `${llamaRoute.replace(/{group: .* name: llama}/, "{name: llama, port: 443}")}apiVersion: v1
kind: Service
metadata: {name: llama}
spec: {ports: [{port: 443, appProtocol: https}]}
`,
    );
    // An address for documentation, where nothing answers (RFC 5737).
    const found = await findings("-f", file, "--endpoints", "llama=192.0.2.1:1", ...each.args);
    const unverified = found.filter(({ message }) => message.includes("unverified TLS"));
    expect(unverified.map(({ code, area }) => [code, area])).toEqual(
      each.codes.map((code) => [code, "pool service:default/llama:443"]),
    );
  });

  test.each([
    ["is not there", () => join(folder, "nowhere"), "can't be read: ENOENT"],
    ["is a folder", () => folder, "is not a file"],
    ["is empty", () => keyFile("\n"), "must contain one key, on one line without blanks"],
    ["has two lines", () => keyFile("secret-a\nsecret-b\n"), "must contain one key"],
    ["is long", () => keyFile("k".repeat(8_193)), "is larger than 8192 bytes"],
    ["can be written by all", () => keyFile("secret", 0o602), "every user can write"],
  ])("a key file that %s is an error that does not print the key", async (_name, make, message) => {
    const file = make();
    const { status, stderr } = await doctor(
      "--primary",
      "127.0.0.1:1",
      "--endpoint-key-file",
      file,
    );
    expect(status).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain(file);
    expect(stderr).not.toContain("secret");
  });

  test.each<[string, (path: string) => string | undefined, readonly string[], string]>([
    [
      "JSON at /metrics is not taken for a page without metrics",
      (path) => (path === "/metrics" ? "[]" : undefined),
      [],
      "/metrics is JSON, not a metrics page",
    ],
    [
      "an empty page has its own message",
      (path) => (path === "/metrics" ? "" : undefined),
      [],
      "/metrics is empty",
    ],
    [
      "only a page named by a flag is checked",
      (path) => (path === "/metrics" ? load : undefined),
      ["--metrics-path", "primary=/m"],
      "/m answers 404",
    ],
  ])("%s", async (_name, answer, flags, message) => {
    const address = await httpServer((request, response) => {
      const text = answer(request.url ?? "");
      if (text === undefined) response.writeHead(404).end();
      else response.end(text);
    });
    const found = await findings("--primary", address, ...flags);
    expect(found.find(({ code }) => code === "UMB0411")).toMatchObject({
      message: expect.stringContaining(`${address}${message}`),
      remedy: expect.stringMatching(/metrics/),
    });
  });

  test("a page at another path is found through the engine's default or a flag", async () => {
    const at = (wanted: string) =>
      httpServer((request, response) => {
        if (request.url === wanted) response.end(load);
        else response.end("[]");
      });
    const mounted = await at("/prometheus/metrics");
    const own = await at("/m");
    expect(codes(await findings("--primary", mounted))).not.toContain("UMB0411");
    expect(codes(await findings("--primary", own, "--metrics-path", "primary=/m"))).not.toContain(
      "UMB0411",
    );
  });
});
