import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A gateway that answers everything and records the keys it received. */
async function gateway(): Promise<{ readonly url: string; readonly keys: (string | undefined)[] }> {
  const keys: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers.authorization);
    response.setHeader("content-type", "application/json");
    request.resume().on("end", () => response.end('{"id":"x"}'));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, keys };
}

const file = join(mkdtempSync(join(tmpdir(), "umbra-client-key-")), "key");
writeFileSync(file, "from-file\n", { mode: 0o600 });

const commands: readonly (readonly [string, readonly string[]])[] = [
  ["load", ["--rate", "50", "--duration", "0.1", "--seed", "2", "--stream-ratio", "0"]],
  ["verify", ["--requests", "1", "--timeout", "1", "--admin", "127.0.0.1:1"]],
];

describe.each(commands)("the key of umbra %s", (command, args) => {
  test.each([
    ["from a file", ["--key-file", file], {}, "Bearer from-file"],
    [
      "from a named variable",
      ["--key-env", "GATEWAY_KEY"],
      { GATEWAY_KEY: "from-env", OPENAI_API_KEY: "from-env-unasked" },
      "Bearer from-env",
    ],
    ["in the environment, not requested", [], { OPENAI_API_KEY: "from-env" }, undefined],
    ["absent", [], {}, undefined],
  ])(
    "%s: is sent only if a flag names it, and is never printed",
    async (_name, more, env, want) => {
      const { url, keys } = await gateway();
      const { stdout, stderr } = await runCommand(
        [command, "--url", url, "--model", "m", ...args, ...more],
        { env },
      );
      expect(new Set(keys)).toEqual(new Set([want]));
      expect(stdout + stderr).not.toMatch(/from-(file|env)/);
    },
  );

  test.each([
    { name: "can't be sent", args: ["--key-env", "K"], status: 1, message: "K can't be sent" },
    {
      name: "is empty",
      args: ["--key-env", "EMPTY"],
      status: 1,
      message: "is not set or is empty",
    },
    {
      name: "is not set",
      args: ["--key-env", "NONE"],
      status: 1,
      message: "is not set or is empty",
    },
    {
      name: "is not a variable name",
      args: ["--key-env", "sk-se cret"],
      status: 2,
      message: "not the key",
    },
    {
      name: "is given twice",
      args: ["--key-env", "K", "--key-file", file],
      status: 2,
      message: "not both",
    },
  ])("that $name is an error that does not print the key", async (each) => {
    const { url, keys } = await gateway();
    const { status, stderr } = await runCommand(
      [command, "--url", url, "--model", "m", ...args, ...each.args],
      { env: { K: "se cret", EMPTY: " " } },
    );
    expect(status).toBe(each.status);
    expect(stderr).toContain(each.message);
    expect(stderr).not.toContain("cret");
    expect(keys).toEqual([]);
  });
});
