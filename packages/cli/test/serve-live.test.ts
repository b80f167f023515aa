import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, jest, test } from "@jest/globals";
import { umbraProcess } from "../../../testing/umbra-command.ts";
import { freePorts } from "../src/process/free-port.ts";
import { sidecarProcess } from "../src/process/hand-over.ts";
import { runCommand } from "./run-command.ts";

// Each test starts processes of its own, which takes long on a busy machine.
jest.setTimeout(90_000);

const folder = mkdtempSync(join(tmpdir(), "umbra-serve-live-"));
const ending: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ending.splice(0).map((end) => end()));
});
afterAll(() => rmSync(folder, { recursive: true }));

function pool(name: string, endpoints: string): string {
  return `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: ${name}
  annotations: { umbra.dev/endpoints: "${endpoints}" }
spec:
  selector: { matchLabels: { app: ${name} } }
  targetPorts: [{ number: 8000 }]
  endpointPickerRef: { name: umbra, port: { number: 9002 } }
`;
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}

interface Served {
  readonly admin: string;
  /** Log lines so far. */
  readonly lines: () => readonly { readonly msg: string; readonly code?: string }[];
  readonly config: () => Promise<Record<string, unknown>>;
}

/** Starts a sidecar in a process of its own, and waits until it serves. */
async function startServe(
  args: readonly string[],
  input?: (ports: readonly [number, number]) => string | Uint8Array | undefined,
): Promise<Served> {
  const [grpc, admin] = (await freePorts(2)) as [number, number];
  const own =
    input === undefined
      ? ["--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`, ...args]
      : args;
  const { args: all, env } = umbraProcess(["serve", ...own]);
  const child = spawn(process.execPath, all, { env, stdio: ["pipe", "ignore", "pipe"] });
  const exited = once(child, "exit");
  ending.push(() => {
    child.kill("SIGKILL");
    return exited;
  });
  child.stdin.end(input?.([grpc, admin]));
  let text = "";
  child.stderr.on("data", (chunk) => {
    text += String(chunk);
  });
  const lines = () =>
    text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  const config = async () => {
    const answer = await fetch(`http://127.0.0.1:${admin}/v1/config`);
    return (await answer.json()) as Record<string, unknown>;
  };
  await eventually(
    () => lines().find(({ msg }) => msg === "serving"),
    () => text,
  );
  return { admin: `127.0.0.1:${admin}`, lines, config };
}

async function eventually<T>(
  find: () => T | undefined | Promise<T | undefined>,
  what: () => string,
): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`did not happen within 60 s: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const logged = ({ lines }: Served, text: string) =>
  eventually(
    () => lines().find(({ msg }) => msg.includes(text)),
    () => JSON.stringify(lines()),
  );

describe("umbra serve follows its files", () => {
  test("a change is applied, logged and shown; a broken file keeps what it had", async () => {
    const [llama, qwen] = [join(folder, "llama.yaml"), join(folder, "qwen.yaml")];
    writeFileSync(llama, pool("llama", "127.0.0.1:1"));
    writeFileSync(qwen, pool("qwen", "127.0.0.1:2"));
    const served = await startServe(["-f", llama, "-f", qwen]);
    expect(await served.config()).toMatchObject({ generation: 1, objects: 2, findings: [] });

    replace(llama, pool("llama", "127.0.0.1:1,127.0.0.1:3"));
    await logged(served, "configuration changed: pool default/llama: 1 endpoint added");
    expect(await served.config()).toMatchObject({
      generation: 2,
      changes: ["pool default/llama: 1 endpoint added"],
    });
    const good = await runCommand(["config", "--admin", served.admin]);
    expect(good).toMatchObject({ status: 0, stderr: "" });
    expect(good.stdout).toMatch(
      /^configuration 2, applied \d+ s ago, 2 resources\n {2}pool default\/llama: 1 endpoint added\nno Envoy gets/,
    );

    replace(qwen, "kind: [broken\n");
    const finding = await eventually(
      () => served.lines().find(({ code }) => code === "UMB0101"),
      () => JSON.stringify(served.lines()),
    );
    expect(finding).toMatchObject({ file: qwen, line: 2, level: 50 });
    replace(llama, pool("llama", "127.0.0.1:4"));
    await logged(served, "pool default/llama: 1 endpoint added, 2 endpoints removed");
    const answer = await served.config();
    expect(answer).toMatchObject({ generation: 3, objects: 2, staleFiles: [{ file: qwen }] });
    // Once, although the second change has found it again.
    expect(served.lines().filter(({ code }) => code === "UMB0101")).toHaveLength(1);
    const bad = await runCommand(["config", "--admin", served.admin]);
    expect(bad.status).toBe(1);
    expect(bad.stdout).toContain(`stale files:\n  ${qwen}: `);
    expect(bad.stderr).toBe("error: 1 error, 1 file that is stale\n");
  });

  test("an endpoint that is its own admin interface is left out", async () => {
    const file = join(folder, "own.yaml");
    writeFileSync(file, pool("llama", "127.0.0.1:1"));
    const served = await startServe(["-f", file]);
    replace(file, pool("llama", `127.0.0.1:5,${served.admin}`));
    await logged(served, `${served.admin}, an endpoint of "default/llama", is not a model server`);
    const { pools } = (await (await fetch(`http://${served.admin}/v1/pools`)).json()) as {
      pools: { endpoints: { address: string }[] }[];
    };
    expect(pools[0]?.endpoints.map(({ address }) => address)).toEqual(["127.0.0.1:5"]);
  });

  test("with --no-watch nothing changes", async () => {
    const file = join(folder, "once.yaml");
    writeFileSync(file, pool("llama", "127.0.0.1:1"));
    const served = await startServe(["-f", file, "--no-watch"]);
    const following = await startServe(["-f", file]);
    replace(file, pool("llama", "127.0.0.1:2"));
    await logged(following, "1 endpoint added, 1 endpoint removed");
    expect(await served.config()).toMatchObject({ generation: 1, changes: [] });
  });

  test("a sidecar that umbra up starts again serves what was good where a file is broken now", async () => {
    const file = join(folder, "handed.yaml");
    writeFileSync(file, "kind: [broken\n");
    const served = await startHanded(file, pool("llama", "127.0.0.1:1"), {});
    expect(await served.config()).toMatchObject({ objects: 1, staleFiles: [{ file }] });
    replace(file, pool("llama", "127.0.0.1:2"));
    await logged(served, "pool default/llama: 1 endpoint added, 1 endpoint removed");
  });

  test("without watching, a sidecar that umbra up starts again serves what umbra up read", async () => {
    const file = join(folder, "read-once.yaml");
    writeFileSync(file, pool("changed", "127.0.0.1:2"));
    const served = await startHanded(file, pool("llama", "127.0.0.1:1"), { watch: false });
    expect(await poolNames(served)).toEqual(["default/llama"]);
  });

  test("a sidecar that umbra up starts again needs no system CA that its files use no more", async () => {
    const file = join(folder, "no-ca.yaml");
    writeFileSync(file, pool("llama", "127.0.0.1:1"));
    const served = await startHanded(file, pool("llama", "127.0.0.1:1"), { systemCa: file });
    expect(await poolNames(served)).toEqual(["default/llama"]);
  });
});

/** Starts a sidecar as `umbra up` does, which has read `earlier` in the file. */
function startHanded(file: string, earlier: string, more: object): Promise<Served> {
  return startServe(["--handed-over"], ([grpc, admin]) => {
    const own = { grpc: `127.0.0.1:${grpc}`, admin: `127.0.0.1:${admin}` };
    const flags = { file: [file], watch: true, ...own, ...more };
    return sidecarProcess({ flags, fixed: [], earlier: [{ name: file, text: earlier }] }).input;
  });
}

async function poolNames({ admin }: Served): Promise<readonly string[]> {
  const answer = await fetch(`http://${admin}/v1/pools`);
  const { pools } = (await answer.json()) as { pools: { name: string }[] };
  return pools.map(({ name }) => name);
}

test.each([
  {
    name: "a missing file",
    args: ["-f", "missing.yaml"],
    want: /there is no file or folder "missing.yaml"/,
  },
  {
    name: "a folder without resources",
    args: ["-f", mkdtempSync(join(folder, "empty-"))],
    want: /contains no .yaml/,
  },
])("umbra serve does not start with $name", async ({ args, want }) => {
  const { status, stderr } = await runCommand(["serve", ...args]);
  expect(status).toBe(1);
  expect(stderr).toMatch(want);
});

test("umbra serve does not start with an endpoint that is its own admin interface", async () => {
  const file = join(folder, "admin.yaml");
  writeFileSync(file, pool("llama", "127.0.0.1:9191"));
  const { status, stderr } = await runCommand(["serve", "-f", file, "--admin", "127.0.0.1:9191"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/127.0.0.1:9191, an endpoint of "default\/llama", is not a model server/);
});
