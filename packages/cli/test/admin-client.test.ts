import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { isReady, queryAdmin } from "../src/process/admin-client.ts";
import { runCommand } from "./run-command.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** Starts a server that answers every path with this status and body. Without a body it never answers. */
async function answering(status: number, body?: string): Promise<string> {
  const made = createServer((_, response) => {
    if (body !== undefined) response.writeHead(status).end(body);
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(made.address() as AddressInfo).port}`;
}

describe("every command prints the same error and advice if no sidecar answers", () => {
  test.each([
    { args: ["report"] },
    { args: ["explain", "--pool", "llama"] },
    { args: ["shadow", "pause"] },
    { args: ["verify", "--model", "m", "--requests", "1", "--url", "http://127.0.0.1:1"] },
  ])("$args", async ({ args }) => {
    const { status, stderr } = await runCommand([...args, "--admin", "127.0.0.1:1"]);
    expect(stderr).toBe(
      "error: no answer from a sidecar at http://127.0.0.1:1: ECONNREFUSED; start one with `umbra up` or `umbra serve`, or name its admin interface with --admin\n",
    );
    expect(status).toBe(1);
  });
});

describe("askAdmin", () => {
  test.each([
    {
      name: "a refusal",
      status: 404,
      body: '{"error":"no such pool"}',
      want: /404: no such pool$/,
    },
    { name: "a page", status: 200, body: "<html>", want: /answered 200: is that a sidecar's\?$/ },
    { name: "a number", status: 200, body: "1", want: /answered 200: is that a sidecar's\?$/ },
    { name: "an empty error", status: 500, body: "", want: /answered 500: is that a sidecar's\?$/ },
  ])("reports $name", async ({ status, body, want }) => {
    const admin = await answering(status, body);
    await expect(queryAdmin(admin, "/v1/pairs")).rejects.toThrow(want);
  });

  test("a command ended by Ctrl-C prints nothing more", async () => {
    const signal = AbortSignal.abort();
    const args = [
      "verify",
      "--url",
      "http://127.0.0.1:9",
      "--model",
      "m",
      "--admin",
      "127.0.0.1:9",
    ];
    expect(await runCommand(args, { signal })).toEqual({ status: 130, stdout: "", stderr: "" });
  });

  test("ends with the status of an interrupt when it is aborted", async () => {
    const admin = await answering(200);
    const asked = queryAdmin(admin, "/v1/report", { signal: AbortSignal.timeout(50) });
    await expect(asked).rejects.toMatchObject({ name: "OutcomeError", status: 130 });
  });
});

test.each([
  { status: 200, want: true },
  { status: 503, want: false },
])("a sidecar whose /readyz answers $status is ready: $want", async ({ status, want }) => {
  expect(await isReady(await answering(status, "{}"))).toBe(want);
});
