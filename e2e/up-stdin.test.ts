import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { casesBySize } from "../testing/test-size.ts";
import { chat, post } from "./harness/client.ts";
import { type ModelServer, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { type Running, startProcess, umbra } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-up-stdin-"));
let servers: ModelServer[] = [];

beforeAll(async () => {
  servers = await startModelServers(1);
  const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}
`;
  const service = `apiVersion: v1
kind: Service
metadata: {name: s, annotations: {umbra.dev/endpoints: "${servers[0]?.address}"}}
spec: {ports: [{port: 80}]}
`;
  writeFileSync(join(folder, "all.txt"), `${gateway}---\n${service}`);
  writeFileSync(join(folder, "gateway.txt"), gateway);
  writeFileSync(join(folder, "service.yaml"), service);
});

afterAll(async () => {
  await stopModelServers(servers);
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a line of bash in which `UP` is `umbra up` with free ports, and `F` the folder of files. */
async function startLine(
  line: string,
): Promise<{ readonly running: Running; readonly origin: string }> {
  const [http, grpc, admin, envoyAdmin] = await freePorts(4);
  const flags = [
    ...["--bind", "127.0.0.1", "--listener", `http=${http}`],
    ...["--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`],
    ...["--envoy-admin", `127.0.0.1:${envoyAdmin}`],
  ];
  const running = startProcess("bash", "-c", bashOf(line, "UP", "up", ...flags));
  return { running, origin: `http://127.0.0.1:${http}` };
}

/** The line with a command of umbra in the place of a word. */
function bashOf(line: string, word: string, ...args: readonly string[]): string {
  const command = ["exec", process.execPath, umbra, ...args].join(" ");
  return line.replaceAll(word, command).replaceAll("F/", `${folder}/`);
}

function sidecarOf(pid: number | undefined): number {
  const rows = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(pid)], {
    encoding: "utf8",
  });
  const [found] = rows.split("\n").filter((row) => row.includes(" serve "));
  return Number.parseInt(found ?? "0", 10);
}

/** All commands read the same way, and `umbra check` starts faster than `umbra up`. */
describe("umbra check reads what can be read only once", () => {
  test.each([
    { line: "CHECK -f - < F/all.txt" },
    { line: "CHECK -f - < <(cat F/all.txt)" },
    { line: "CHECK -f F/service.yaml -f - < F/gateway.txt" },
    { line: "CHECK -f - -f F/ < F/gateway.txt" },
    { line: "CHECK -f /dev/stdin < <(cat F/all.txt)" },
    { line: "CHECK -f <(cat F/all.txt)" },
    { line: "CHECK -f F/service.yaml -f <(cat F/gateway.txt)" },
  ])("$line", async ({ line }) => {
    const running = startProcess("bash", "-c", bashOf(line, "CHECK", "check"));
    await until("it has ended", () => running.process.exitCode !== null, 20_000);
    expect(running.output()).toContain(servers[0]?.address);
    expect(running.output()).not.toMatch(/error[^s]/i);
    expect(running.process.exitCode).toBe(0);
  });
});

describe("umbra up reads what can be read only once", () => {
  const lines = [
    { line: "UP -f - -f <(cat F/service.yaml) < F/gateway.txt" },
    { line: "UP -f - < <(sleep 0.3; cat F/gateway.txt; sleep 0.3; echo ---; cat F/service.yaml)" },
    { line: "UP -f <(cat F/gateway.txt) -f <(cat F/service.yaml)" },
  ];
  test.each(casesBySize(lines, 1))(
    "$line",
    async ({ line }) => {
      const { running, origin } = await startLine(line);
      try {
        await until(
          "umbra up is ready",
          () => {
            if (running.process.exitCode !== null) throw new Error(running.output());
            return running.output().includes("umbra: ready");
          },
          30_000,
        );
        const answer = await post(origin, chat(), { host: "any.example" });
        expect(answer.status).toBe(200);
        // Picked by the sidecar, which has read the same resources.
        expect(running.output()).not.toMatch(/error/i);
      } finally {
        await running.stop();
      }
    },
    60_000,
  );

  test("a sidecar that is started again gets the same input", async () => {
    const { running, origin } = await startLine("UP -f - < <(cat F/all.txt)");
    try {
      const isReady = () => running.output().split("umbra: ready").length > 1;
      await until("umbra up is ready", isReady, 30_000);
      const first = sidecarOf(running.process.pid);
      process.kill(first, "SIGKILL");
      await until("another sidecar runs", () => {
        const now = sidecarOf(running.process.pid);
        return now !== first && now > 0;
      });
      await until("a request is answered", async () => {
        const answer = await post(origin, chat(), { host: "any.example" });
        return answer.status === 200;
      });
      expect(running.output()).not.toContain("no resources");
    } finally {
      await running.stop();
    }
  }, 60_000);

  test("-f - is refused twice", async () => {
    const { running } = await startLine("UP -f - -f - < F/all.txt");
    await until("it has ended", () => running.process.exitCode !== null, 20_000);
    expect(running.process.exitCode).toBe(2);
    expect(running.output()).toContain("(standard input) can be given only once");
  });
});

describe("on a terminal", () => {
  /** `script` gives the command a terminal of its own. */
  function onTerminal(command: string) {
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    return { child, output: () => output };
  }

  test("umbra check -f - says what it waits for, and Ctrl-C ends it", async () => {
    const { child, output } = onTerminal(`${process.execPath} ${umbra} check -f -`);
    await until("it says so", () => output().includes("reading standard input"));
    expect(output()).toContain("Ctrl-D");
    child.stdin.write("\x03");
    await until("it has ended", () => child.exitCode !== null || child.signalCode !== null);
    expect(child.exitCode).toBe(130);
  }, 30_000);

  test("a Ctrl-C as soon as umbra check says what it waits for ends it", async () => {
    const atOnce = `const { write } = process.stderr;
process.stderr.write = function (text, ...rest) {
  const isWritten = write.call(this, text, ...rest);
  if (text.includes("reading standard input")) process.kill(process.pid, "SIGINT");
  return isWritten;
};
`;
    writeFileSync(join(folder, "at-once.mjs"), atOnce);
    const preload = `--import ${join(folder, "at-once.mjs")}`;
    const { child } = onTerminal(`${process.execPath} ${preload} ${umbra} check -f -`);
    await until("it has ended", () => child.exitCode !== null || child.signalCode !== null);
    child.kill();
    expect(child.exitCode).toBe(130);
  }, 30_000);
});
