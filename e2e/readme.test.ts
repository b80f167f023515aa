import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { traffic } from "../packages/shadow/test/fixtures.ts";
import { type ModelServer, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { runUmbra, startUmbra } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "umbra-readme-"));
/** A process may take long to start while all tests run. */
const busyMs = 90_000;
let servers: ModelServer[] = [];

beforeAll(async () => {
  process.chdir(root);
  servers = await startModelServers(3);
  const samples = traffic({ seed: 1, pairs: 40, perSecond: 2, ratio: 1 });
  const lines = samples.map((each) => `${JSON.stringify(each)}\n`).join("");
  writeFileSync(join(folder, "samples.ndjson"), lines);
});

afterAll(async () => {
  await stopModelServers(servers);
  rmSync(folder, { recursive: true, force: true });
});

/** The command lines of the README, by the command: `npx umbra up …`. */
const commands = new Map<string, readonly string[]>(
  [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^npx umbra (\S+) (.*)$/gm)].map(
    ([, name = "", rest = ""], index) => [`${index} ${name}`, [name, ...rest.split(" ")]],
  ),
);

/** A line of the README at addresses and files that are there; what is redirected is printed. */
function lineOf(key: string, ...more: readonly string[]): readonly string[] {
  const [first, second, third] = servers.map(({ address }) => address);
  const words = commands.get(key) ?? [];
  const redirect = words.indexOf(">");
  return [...(redirect < 0 ? words : words.slice(0, redirect)), ...more].map((word) =>
    word
      .replace("10.0.0.1:8000", first ?? "")
      .replace("10.0.0.2:8000", second ?? "")
      .replace("10.0.1.1:8000", third ?? "")
      .replace(/^(report\.html|samples\.ndjson)$/, join(folder, "$1")),
  );
}

/** Ports of its own for each process that the README starts. */
async function placesOf(): Promise<{ http: string; grpc: string; admin: string; envoy: string }> {
  const [http, grpc, admin, envoy] = (await freePorts(4)).map((port) => `127.0.0.1:${port}`);
  return { http: http ?? "", grpc: grpc ?? "", admin: admin ?? "", envoy: envoy ?? "" };
}

async function answers(url: string): Promise<boolean> {
  const { statusCode, body } = await request(url);
  await body.dump();
  return statusCode === 200;
}

describe("the command lines of the README", () => {
  test("are those that are run here", () => {
    expect([...commands.keys()]).toEqual([
      "0 up",
      "1 verify",
      "2 report",
      "3 check",
      "4 render",
      "5 serve",
      "6 serve",
      "7 report",
    ]);
  });

  test(
    "evaluate a shadow in front of model servers",
    async () => {
      const { http, grpc, admin, envoy } = await placesOf();
      const port = http.split(":")[1];
      const flags = ["--grpc", grpc, "--admin", admin, "--envoy-admin", envoy];
      const line = lineOf("0 up", ...flags).map((word) => word.replace("=8080", `=${port}`));
      const up = startUmbra(...line);
      try {
        await until("umbra up is ready", () => answers(`http://${admin}/readyz`), busyMs);
        const verify = lineOf("1 verify", "--admin", admin);
        const verified = await runUmbra(
          ...verify.map((word) => word.replace("127.0.0.1:8080", http)),
        );
        expect([verified.status, verified.stderr]).toEqual([0, expect.anything()]);
        const report = await runUmbra(...lineOf("2 report", "--admin", admin));
        expect(report.status).toBe(11);
        expect(existsSync(join(folder, "report.html"))).toBe(true);
      } finally {
        await up.stop();
      }
    },
    3 * busyMs,
  );

  test(
    "check, render and serve for an Envoy that is started by hand",
    async () => {
      expect((await runUmbra(...lineOf("3 check"))).status).toBe(0);
      const rendered = await runUmbra(...lineOf("4 render"));
      expect([rendered.status, rendered.stdout]).toEqual([
        0,
        expect.stringContaining("static_resources:"),
      ]);
      const { grpc, admin } = await placesOf();
      const line = lineOf("5 serve").map((word) =>
        word.replace("127.0.0.1:9002", grpc).replace("127.0.0.1:9090", admin),
      );
      const serve = startUmbra(...line);
      try {
        await until(
          "its admin interface answers",
          () => answers(`http://${admin}/healthz`),
          busyMs,
        );
        expect(serve.process.exitCode).toBeNull();
      } finally {
        await serve.stop();
      }
    },
    2 * busyMs,
  );

  test(
    "serve a third-party gateway as its endpoint picker",
    async () => {
      const { grpc, admin } = await placesOf();
      const endpoints = `inf/llama=${servers.map(({ address }) => address).join(",")}`;
      const line = lineOf("6 serve", "--admin", admin, "--endpoints", endpoints);
      const serve = startUmbra(...line.map((word) => word.replace("0.0.0.0:9002", grpc)));
      try {
        await until("the sidecar is ready", () => answers(`http://${admin}/readyz`), busyMs);
        const doctor = ["doctor", "--sidecar", grpc, "--sidecar-tls", "-o", "json"];
        const asked = await runUmbra(...doctor);
        expect(asked.stdout).not.toContain("UMB0416");
      } finally {
        await serve.stop();
      }
    },
    2 * busyMs,
  );

  test(
    "judge samples from a file",
    async () => {
      const { status, stdout } = await runUmbra(...lineOf("7 report"));
      expect([status, stdout]).toEqual([0, expect.stringContaining("undecided")]);
    },
    busyMs,
  );
});
