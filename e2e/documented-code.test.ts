import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { traffic } from "../packages/shadow/test/fixtures.ts";
import { type ModelServer, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { type Running, startProcess } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
mkdirSync(join(root, ".cache"), { recursive: true });
/** Below the root, so that the examples find the packages. */
const folder = mkdtempSync(join(root, ".cache/documented-"));
let servers: ModelServer[] = [];

beforeAll(async () => {
  servers = await startModelServers(2);
  cpSync(join(root, "envoy/picking/resources.yaml"), join(folder, "gateway.yaml"));
  const samples = traffic({ seed: 1, pairs: 40, perSecond: 2, ratio: 1 });
  const lines = samples.map((each) => `${JSON.stringify(each)}\n`).join("");
  writeFileSync(join(folder, "run.ndjson"), lines);
});

afterAll(async () => {
  await stopModelServers(servers);
  rmSync(folder, { recursive: true, force: true });
});

/** An example at addresses that are there. */
function start(name: string): Running {
  const [first, second] = servers;
  const code = readFileSync(join(root, "examples/library", name), "utf8")
    .replaceAll("10.0.0.1:8000", first?.address ?? "")
    .replaceAll("10.0.0.2:8000", second?.address ?? "")
    .replaceAll("127.0.0.1:9002", "127.0.0.1:0")
    .replaceAll("listen(8000)", "listen(0)")
    .replaceAll("10.0.0.3:8000", "127.0.0.1:3");
  writeFileSync(join(folder, name), code);
  const flags = ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"];
  return startProcess("env", "-C", folder, process.execPath, ...flags, name);
}

async function ended({ process: child, output }: Running): Promise<string> {
  await until("the example has ended", () => child.exitCode !== null, 30_000);
  return output();
}

describe("the code that the documentation shows", () => {
  test("picks an endpoint, sends a request there and gets the answer", async () => {
    expect(await ended(start("pick.ts"))).toMatch(/^127\.0\.0\.1:\d+ 200 \{.*"text_completion"/);
  });

  test("picks by a filter and a scorer of its own", async () => {
    expect(await ended(start("policy.ts"))).toBe("127.0.0.1:3\n");
  });

  test("judges samples from a file", async () => {
    expect(await ended(start("judge.ts"))).toMatch(/^INCONCLUSIVE\n/);
  });

  test("compares two answers", async () => {
    expect(await ended(start("compare.ts"))).toBe("same_names 1\n");
  });

  test("reads requests and answers", async () => {
    const lines = ["llama true", '"Hi', '{"model":"llama-8b","stream":true,"prompt":"Hi"}', "1"];
    expect((await ended(start("read-request.ts"))).trim().split("\n")).toEqual(lines);
  });

  test("renders a bootstrap from resources", async () => {
    expect(await ended(start("render.ts"))).toContain("static_resources:");
  });

  test.each(["grpc-echo.ts", "external-processor.ts", "simulate.ts"])("%s serves", async (name) => {
    const running = start(name);
    try {
      await until(`${name} listens`, () => /127\.0\.0\.1:\d+|^\S*:\d+$/m.test(running.output()));
      expect(running.process.exitCode).toBeNull();
    } finally {
      await running.stop();
    }
  });
});
