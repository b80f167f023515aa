import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createWebServer } from "node:http";
import { createSecureServer, createServer, type ServerHttp2Stream } from "node:http2";
import { createServer as createSecureWebServer } from "node:https";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { selfSigned } from "@umbra/sidecar/internal";
import { freePorts } from "../src/process/free-port.ts";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-doctor-"));
const file = (name: string) => join(folder, name);
const closing: Server[] = [];

beforeAll(async () => {
  for (const name of ["sidecar", "stranger"]) {
    const { cert, key } = await selfSigned();
    writeFileSync(file(`${name}.pem`), cert);
    writeFileSync(file(`${name}.key`), key);
  }
});
afterEach(async () => {
  await Promise.all(
    closing.splice(0).map((server) => new Promise((resolve) => server.close(resolve))),
  );
});

/** Starts to listen and returns the address: `unix:/path` or `ip:port`. */
async function listening(server: Server, at: string | number): Promise<string> {
  closing.push(server);
  await new Promise<void>((resolve) =>
    typeof at === "string" ? server.listen(at, resolve) : server.listen(at, "127.0.0.1", resolve),
  );
  const address = server.address();
  return address === null || typeof address === "string"
    ? `unix:${address}`
    : `127.0.0.1:${address.port}`;
}

/** Creates a server that answers health checks with this status. */
const answering = (status: number) => (stream: ServerHttp2Stream) => {
  stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, status]));
};

async function said(...flags: readonly string[]): Promise<string> {
  // Some sidecar of this machine may have the default ports.
  const [admin, envoyAdmin] = await freePorts(2);
  const own = ["--admin", `127.0.0.1:${admin}`, "--envoy-admin", `127.0.0.1:${envoyAdmin}`];
  const { stdout } = await runCommand(["doctor", "-o", "json", "--timeout", "1", ...own, ...flags]);
  const { findings } = JSON.parse(stdout) as {
    findings: readonly { area: string; severity: string; code?: string; message: string }[];
  };
  return findings
    .filter(({ area, message }) => area === "sidecar" && !message.startsWith("no sidecar runs"))
    .map(({ severity, code = "", message }) => `${severity} ${code} ${message}`)
    .join("\n")
    .replaceAll(folder, "FOLDER")
    .replace(/127\.0\.0\.1:\d+/g, "HOST:PORT");
}

describe("umbra doctor --sidecar", () => {
  test.each([
    { status: 1, expected: "ok  the sidecar at unix:FOLDER/1.sock answers and is serving" },
    {
      status: 2,
      expected: "warning UMB0415 the sidecar at unix:FOLDER/2.sock answers, but is not serving yet",
    },
  ])("checks over a Unix socket; health $status", async ({ status, expected }) => {
    const server = createServer().on("stream", answering(status));
    expect(await said("--sidecar", await listening(server, file(`${status}.sock`)))).toBe(expected);
  });

  test.each([
    { flags: ["--sidecar-tls"], expected: /^ok {2}.* answers over unverified TLS and is serving$/ },
    {
      flags: ["--sidecar-ca", "sidecar.pem"],
      expected: /^ok {2}.* answers over TLS and is serving$/,
    },
    {
      flags: ["--sidecar-ca", "stranger.pem"],
      expected: /^error UMB0416 no sidecar is reachable at HOST:PORT over TLS: .*self[- ]signed/i,
    },
    {
      flags: ["--sidecar-ca", "sidecar.pem", "--sidecar-name", "other.example"],
      expected: /^error UMB0416 .*ERR_TLS_CERT_ALTNAME_INVALID/,
    },
    { flags: ["--sidecar-ca", "gone.pem"], expected: /^error UMB0416 .*ENOENT.*gone\.pem/ },
    { flags: [], expected: /^error UMB0416 no sidecar is reachable at HOST:PORT: / },
  ])("checks over TLS with $flags", async ({ flags, expected }) => {
    const server = createSecureServer({
      cert: readFileSync(file("sidecar.pem")),
      key: readFileSync(file("sidecar.key")),
    }).on("stream", answering(1));
    const paths = flags.map((flag) => (flag.endsWith(".pem") ? file(flag) : flag));
    expect(await said("--sidecar", await listening(server, 0), ...paths)).toMatch(expected);
  });

  test.each([
    { name: "nobody", at: "none.sock", expected: /^error UMB0416 .*ENOENT/ },
    { name: "a silent server", at: "silent.sock", expected: /^error UMB0416 .*within 1 s$/ },
    { name: "a server with another protocol", at: "other.sock", expected: /^error UMB0416 / },
  ])("reports that $name is not a sidecar", async ({ at, expected }) => {
    if (at === "silent.sock")
      await listening(
        createTcpServer((s) => s.resume()),
        file(at),
      );
    if (at === "other.sock") {
      await listening(
        createTcpServer((s) => s.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n")),
        file(at),
      );
    }
    expect(await said("--sidecar", `unix:${file(at)}`)).toMatch(expected);
  });

  test("reports that a web server is not a sidecar", async () => {
    const server = createWebServer((_request, response) => response.end("hello"));
    expect(await said("--sidecar", await listening(server, file("web.sock")))).toMatch(
      /^error UMB0416 no sidecar is reachable at unix:FOLDER\/web\.sock: /,
    );
    const pair = {
      cert: readFileSync(file("sidecar.pem")),
      key: readFileSync(file("sidecar.key")),
    };
    const secure = createSecureWebServer(pair, (_request, response) => response.end("hello"));
    const at = await listening(secure, 0);
    expect(await said("--sidecar", at, "--sidecar-tls")).toBe(
      "error UMB0416 no sidecar is reachable at HOST:PORT over unverified TLS: not a gRPC server with a health check",
    );
  });

  test.each([["unix:relative"], ["host"]])("refuses %s", async (address) => {
    const { status } = await runCommand(["doctor", "--sidecar", address]);
    expect(status).toBe(2);
  });
});
