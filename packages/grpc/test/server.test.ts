import { spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  createGrpcServer,
  type GrpcServer,
  type GrpcServerOptions,
  type HeadedMessage,
  type Method,
  statusCode,
} from "@umbra/grpc";
import { testSize } from "../../../testing/test-size.ts";
import { createGrpcJsServer } from "./grpc-js-server.ts";
import { until } from "./until.ts";

// What a gRPC server promises, and how it meets peers that mean harm. A grpc-js client plays it to our server, and to
// grpc-js's own as the oracle. Each test sees to it that the server is alive behind it.

const path = "/test.Echo/Stream";
const maxMessageBytes = 4 * 1024 * 1024;
const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc" };
const hello = Buffer.from("hello");
const head = Buffer.from("head ");
const same = (bytes: Buffer) => bytes;

function framed(message: Uint8Array, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

function withHead(body: Uint8Array): HeadedMessage {
  return {
    body,
    writeHead(into, end) {
      into.set(head, end - head.length);
      return end - head.length;
    },
  };
}

/** What the servers under test have seen. */
let closed: string[] = [];
let thrown: unknown[] = [];

/** Sends back what comes, or does what the call's metadata say. */
const echo: Method = (call) => {
  const mode = call.metadata.get("x-mode") ?? "echo";
  return {
    isInUse: mode === "in use",
    onMessage(bytes) {
      switch (mode) {
        case "throws":
          throw new Error("a bug");
        case "fails":
          call.fail(statusCode.aborted, "50 % — aborted");
          break;
        case "once":
          call.send([bytes]);
          call.end();
          break;
        case "in two parts":
          call.send([withHead(bytes), bytes]);
          break;
        default:
          call.send([bytes]);
      }
    },
    onEnd: () => call.end(),
    onClose: () => void closed.push(mode),
  };
};

const options: GrpcServerOptions = {
  methods: new Map([[path, echo]]),
  maxMessageBytes,
  maxConcurrentStreams: 65_536,
  onThrow(cause) {
    thrown.push(cause);
    return { code: statusCode.internal, message: "the method failed" };
  },
};

const servers = [
  { name: "ours", isOurs: true, create: createGrpcServer },
  { name: "grpc-js", isOurs: false, create: createGrpcJsServer },
] as const;

let server: Pick<GrpcServer, "listen" | "close">;
let address: string;
let client: Client;
const open: { close(): void }[] = [];

async function start(create: (options: GrpcServerOptions) => typeof server): Promise<void> {
  closed = [];
  thrown = [];
  server = create(options);
  address = await server.listen("127.0.0.1:0");
  client = new Client(address, credentials.createInsecure());
}

async function stop(): Promise<void> {
  for (const each of open.splice(0)) each.close();
  client.close();
  await server.close(0);
}

function call(mode?: string, callOptions: object = {}, by = client) {
  const metadata = new Metadata();
  if (mode !== undefined) metadata.set("x-mode", mode);
  return by.makeBidiStreamRequest(path, same, same, metadata, callOptions);
}

interface Played {
  readonly answers: readonly Buffer[];
  readonly code: number;
  readonly details?: string;
}

/** Sends messages, ends, and tells what came back. */
function played(messages: readonly Buffer[], mode?: string, by = client): Promise<Played> {
  const stream = call(mode, {}, by);
  const answers: Buffer[] = [];
  return new Promise((resolve) => {
    stream.on("data", (answer: Buffer) => answers.push(answer));
    stream.on("error", ({ code, details }: ServiceError) => resolve({ answers, code, details }));
    stream.on("end", () => resolve({ answers, code: status.OK }));
    for (const message of messages) stream.write(message);
    stream.end();
  });
}

async function isAlive(): Promise<boolean> {
  const { answers, code } = await played([hello]);
  return answers.length === 1 && code === status.OK;
}

function session(): ClientHttp2Session {
  const made = connectHttp2(`http://${address}`);
  made.on("error", () => {});
  open.push({ close: () => made.destroy() });
  return made;
}

/** A call of raw bytes; resolves with its status. */
function rawCall(
  bytes: Buffer | undefined,
  more: Readonly<Record<string, string>> = {},
): Promise<{ readonly status?: string; readonly http?: number }> {
  const stream = session().request({ ...headers, te: "trailers", ...more });
  return new Promise((resolve) => {
    let http: number | undefined;
    let told: string | undefined;
    const take = (from: Record<string, unknown>) => {
      if (from["grpc-status"] !== undefined) told = String(from["grpc-status"]);
    };
    stream.on("response", (from) => {
      http = Number(from[":status"]);
      take(from);
    });
    stream.on("trailers", take);
    stream.on("error", () => {});
    stream.on("data", () => {});
    stream.on("close", () =>
      resolve({
        ...(told === undefined ? {} : { status: told }),
        ...(http === undefined ? {} : { http }),
      }),
    );
    if (bytes !== undefined) stream.write(bytes);
    stream.end();
  });
}

describe.each(servers)("a gRPC server: $name", ({ isOurs, create }) => {
  beforeEach(() => start(create));
  afterEach(stop);

  test("gives 3 MB back whole, in order", async () => {
    const sent = Buffer.alloc(3_000_000, 0);
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 7) & 255;
    const pieces = Array.from({ length: 48 }, (_, i) =>
      sent.subarray(i * 62_500, (i + 1) * 62_500),
    );
    const { answers, code } = await played(pieces);
    expect(code).toBe(status.OK);
    expect(answers).toHaveLength(48);
    expect(Buffer.concat(answers).equals(sent)).toBe(true);
  });

  test.each([10, 10_000])("sends messages of a head and a body of %d bytes", async (bytes) => {
    const { answers } = await played([Buffer.alloc(bytes, "a")], "in two parts");
    const body = Buffer.alloc(bytes, "a");
    expect(answers).toEqual([Buffer.concat([head, body]), body]);
  });

  test("a call ends when the server ends it, and once", async () => {
    const { answers, code } = await played([hello, hello, hello], "once");
    expect([answers.length, code]).toEqual([1, status.OK]);
    expect(closed).toEqual(["once"]);
    expect(await isAlive()).toBe(true);
  });

  test("a failure comes with its code and its message", async () => {
    const { code, details } = await played([hello], "fails");
    expect([code, details]).toEqual([status.ABORTED, "50 % — aborted"]);
    expect(closed).toEqual(["fails"]);
  });

  test("a throw ends its own call only", async () => {
    const other = call();
    const answered = new Promise((resolve) => other.once("data", resolve));
    const { code, details } = await played([hello], "throws");
    expect([code, details]).toEqual([status.INTERNAL, "the method failed"]);
    expect(thrown).toEqual([new Error("a bug")]);
    const ended = new Promise((resolve) => other.once("end", resolve));
    other.write(hello);
    expect(await answered).toEqual(hello);
    other.end();
    // Otherwise the end of the server aborts it with an unhandled error.
    await ended;
  });

  test("a client that does not read blocks no other client, and its data is bounded", async () => {
    const greedy = session().request(headers);
    greedy.on("error", () => {});
    greedy.pause();
    const piece = framed(Buffer.alloc(62_000));
    let taken = 0;
    const send = (): void => {
      while (taken < 800) {
        taken++;
        if (!greedy.write(piece)) {
          greedy.once("drain", send);
          return;
        }
      }
    };
    send();
    let before = -1;
    while (taken !== before || taken === 0) {
      before = taken;
      for (let i = 0; i < 20; i++) expect(await isAlive()).toBe(true);
    }
    // Windows and buffers of both sides, and no more: 50 MB were to be sent.
    expect(taken * 62_000).toBeLessThan(10_000_000);
  });

  test("messages may be split anywhere", async () => {
    const stream = session().request(headers);
    const got: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => got.push(chunk));
    for (const byte of framed(hello)) {
      stream.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.end();
    await new Promise((resolve) => stream.on("close", resolve));
    expect(Buffer.concat(got)).toEqual(framed(hello));
  });

  test.each([
    { name: "4 GiB announced", length: 0xffff_ffff },
    { name: "a message over the limit", length: maxMessageBytes + 1 },
  ])("$name ends its call with RESOURCE_EXHAUSTED", async ({ length }) => {
    expect(await rawCall(framed(hello, 0, length))).toMatchObject({ status: "8" });
    expect(await isAlive()).toBe(true);
  });

  test("a call that ends within a message fails", async () => {
    const { status: code } = await rawCall(framed(hello).subarray(0, 8));
    // grpc-js drops what is not whole and ends the call well.
    expect(code).toBe(isOurs ? "13" : "0");
    expect(await isAlive()).toBe(true);
  });

  test("what is no gRPC is refused", async () => {
    const unknown = await rawCall(undefined, { ":path": "/other.Service/Method" });
    expect(unknown).toMatchObject({ status: "12" });
    const json = { "content-type": "application/json" };
    expect(await rawCall(framed(hello), json)).toMatchObject({ http: 415 });
    const { status: code } = await rawCall(framed(hello), { "grpc-timeout": "soon" });
    expect(code).toMatch(/^13?$/);
    expect(await isAlive()).toBe(true);
  });

  test("a deadline ends the call", async () => {
    const stream = call(undefined, { deadline: Date.now() + 50 });
    const code = await new Promise((resolve) => {
      stream.on("data", () => {});
      stream.on("error", ({ code: told }: ServiceError) => resolve(told));
      stream.write(hello);
    });
    expect(code).toBe(status.DEADLINE_EXCEEDED);
    expect(await isAlive()).toBe(true);
  });

  test.each([
    ["HTTP/1", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"],
    ["a TLS hello", Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
    ["half a preface", "PRI * HTTP/2.0\r\n\r\nSM"],
    ["noise", Buffer.alloc(4_096, 0xaa)],
  ])("%s loses its connection and nothing else", async (_name, bytes) => {
    const socket = connect(Number(address.split(":").at(-1)), "127.0.0.1");
    open.push({ close: () => socket.destroy() });
    socket.on("error", () => {});
    socket.write(bytes);
    socket.end();
    expect(await isAlive()).toBe(true);
  });

  test("5,000 streams that are reset at once, and 1,000 that send nothing", async () => {
    const peer = session();
    const silent = session();
    for (let i = 0; i < 5_000; i++) {
      const stream = peer.request(headers);
      stream.on("error", () => {});
      stream.close(8);
    }
    for (let i = 0; i < 1_000; i++) silent.request(headers).on("error", () => {});
    expect(await isAlive()).toBe(true);
    peer.destroy();
    silent.destroy();
    expect(await isAlive()).toBe(true);
  });

  test("a shut-down lets open calls end, and takes no new ones", async () => {
    const stream = call();
    const ended = new Promise((resolve) => stream.on("end", resolve));
    const answered = new Promise((resolve) => stream.once("data", resolve));
    stream.write(hello);
    await answered;
    const over = server.close(10_000);
    await expect(
      new Promise((resolve, reject) => {
        const socket = connect(Number(address.split(":").at(-1)), "127.0.0.1");
        socket.on("connect", resolve);
        socket.on("error", reject);
      }),
    ).rejects.toThrow();
    stream.end();
    await ended;
    client.close();
    await over;
    expect(closed).toEqual(["echo"]);
  });

  test("a shut-down cuts what does not end in time", async () => {
    const stream = call();
    const answered = new Promise((resolve) => stream.once("data", resolve));
    const failed = new Promise((resolve) => stream.on("error", resolve));
    stream.write(hello);
    await answered;
    await server.close(50);
    expect(await failed).toBeInstanceOf(Error);
    expect(closed).toEqual(["echo"]);
  });
});

describe("our gRPC server", () => {
  beforeEach(() => start(createGrpcServer));
  afterEach(stop);

  // Envoy ends each stream with INTERNAL_ERROR. An error with a stack trace for each would cost more than a pick.
  test("Node makes no error of a stream that the client resets", async () => {
    const errors: unknown[] = [];
    const count = (message: unknown) => void errors.push(message);
    subscribe("http2.server.stream.error", count);
    const peer = session();
    for (let sent = 1; sent <= 20; sent++) {
      const stream = peer.request(headers);
      stream.on("error", () => {});
      stream.once("data", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
      stream.write(framed(hello));
      await until(() => closed.length === sent);
    }
    unsubscribe("http2.server.stream.error", count);
    peer.destroy();
    expect(errors).toEqual([]);
  });

  // Envoy ends streams by resets; at Node's defaults the connection would be closed as an attacker's.
  // Node's own limit is a burst of 1,000.
  const resets = testSize(1_500, 3_000);
  test(`${resets} streams reset by the client leave its connection alive`, async () => {
    for (let batch = 0; batch < resets / 100; batch++) {
      const codes = Array.from({ length: 100 }, async () => {
        const stream = call();
        const answered = new Promise((resolve) => stream.once("data", resolve));
        const failed = new Promise<ServiceError>((resolve) => stream.once("error", resolve));
        stream.write(hello);
        await answered;
        stream.cancel();
        return (await failed).code;
      });
      expect(new Set(await Promise.all(codes))).toEqual(new Set([status.CANCELLED]));
    }
    expect(thrown).toEqual([]);
    await until(() => closed.length === resets);
    expect(closed).toHaveLength(resets);
  }, 30_000);

  test("a Unix socket is for this user alone, and a stale one is no hindrance", async () => {
    const folder = mkdtempSync(join(tmpdir(), "umbra-socket-"));
    const socket = join(folder, "umbra.sock");
    try {
      for (let round = 0; round < 2; round++) {
        await server.close(0);
        server = createGrpcServer(options);
        await server.listen(`unix:${socket}`);
        expect(statSync(socket).mode & 0o777).toBe(0o600);
        const byPath = new Client(`unix:${socket}`, credentials.createInsecure());
        const { code } = await played([hello], undefined, byPath);
        byPath.close();
        expect(code).toBe(status.OK);
      }
      const second = createGrpcServer(options);
      await expect(second.listen(`unix:${socket}`)).rejects.toThrow("can't listen on");
      await second.close(0);
      expect(existsSync(socket)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("a Unix socket whose listener is stopped, its backlog full, is not stale", async () => {
    const folder = mkdtempSync(join(tmpdir(), "umbra-socket-"));
    const socket = join(folder, "umbra.sock");
    const script = `require("node:net").createServer().listen({path: ${JSON.stringify(socket)}, backlog: 1}, () => { console.log("up"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000); })`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const held: Socket[] = [];
    try {
      await once(child.stdout, "data");
      const refusals: unknown[] = [];
      for (let i = 0; i < 8; i++) {
        held.push(connect(socket).on("error", (cause) => void refusals.push(cause)));
      }
      await until(() => refusals.length > 0);
      expect(refusals[0]).toMatchObject({ code: "EAGAIN" });
      const second = createGrpcServer(options);
      await expect(second.listen(`unix:${socket}`)).rejects.toThrow("can't listen on");
      await second.close(0);
      expect(existsSync(socket)).toBe(true);
    } finally {
      child.kill("SIGKILL");
      for (const each of held) each.destroy();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("of many that start on a stale Unix socket at once one gets it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "umbra-socket-"));
    const socket = join(folder, "umbra.sock");
    const script = `require("node:net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`;
    await once(spawn(process.execPath, ["-e", script]), "exit");
    expect(statSync(socket).isSocket()).toBe(true);
    const starting = Array.from({ length: 8 }, () => createGrpcServer(options));
    try {
      const outcomes = await Promise.allSettled(
        starting.map((each) => each.listen(`unix:${socket}`)),
      );
      expect(outcomes.filter((each) => each.status === "fulfilled")).toHaveLength(1);
      expect(readdirSync(folder)).toEqual(["umbra.sock"]);
    } finally {
      for (const each of starting) await each.close(0);
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each([
    { name: "compressed", bytes: framed(hello, 1), headers: {}, want: "13" },
    {
      name: "marked as compressed",
      bytes: framed(hello, 0),
      headers: { "grpc-encoding": "gzip" },
      want: "12",
    },
    {
      name: "a bomb",
      bytes: framed(gzipSync(Buffer.alloc(1e7)), 1),
      headers: { "grpc-encoding": "gzip" },
      want: "12",
    },
    { name: "as it is", bytes: framed(hello), headers: { "grpc-encoding": "identity" }, want: "0" },
  ])("a message that is $name: status $want", async ({ bytes, headers: extra, want }) => {
    expect(await rawCall(bytes, extra)).toMatchObject({ status: want });
    expect(await isAlive()).toBe(true);
  });

  test("closes a silent connection, but keeps one with a call in use", async () => {
    const brief = createGrpcServer({ ...options, prefaceMs: 50, idleMs: 50 });
    const at = await brief.listen("127.0.0.1:0");
    try {
      const silent = connect(Number(at.split(":").at(-1)), "127.0.0.1");
      const busy = connectHttp2(`http://${at}`);
      const asked = once(busy, "goaway");
      const stream = busy.request({ ...headers, "x-mode": "in use" });
      await once(silent.resume(), "close");
      // It accepts no new call, and the open one continues.
      await asked;
      stream.end(framed(hello));
      const answer = await once(stream, "data");
      expect(answer[0]).toEqual(framed(hello));
      await once(stream.resume(), "close");
      await until(() => busy.closed);
      expect(busy.closed).toBe(true);
    } finally {
      await brief.close(0);
    }
  });

  test("messages that come in pieces have a room together, and give it back", async () => {
    let [used, most] = [0, 0];
    const room = {
      take(bytes: number) {
        if (used + bytes > 1024 * 1024) return false;
        used += bytes;
        most = Math.max(most, used);
        return true;
      },
      giveBack(bytes: number) {
        used -= bytes;
      },
    };
    const limited = createGrpcServer({ ...options, room });
    const session = connectHttp2(`http://${await limited.listen("127.0.0.1:0")}`);
    const begun = Array.from({ length: 10 }, () => {
      const stream = session.request(headers);
      const ended = { status: "" };
      stream.on("error", () => {});
      stream.on("trailers", (trailers) => {
        ended.status = String(trailers["grpc-status"]);
      });
      stream.on("response", (response) => {
        ended.status = String(response["grpc-status"] ?? "");
      });
      stream.resume();
      stream.write(framed(Buffer.alloc(64 * 1024), 0, 256 * 1024));
      return { stream, ended };
    });
    const refused = () => begun.filter(({ ended }) => ended.status === "8");
    await until(() => refused().length === 6);
    expect(refused()).toHaveLength(6);
    expect(most).toBe(1024 * 1024);
    // One is whole, the others go without.
    const kept = begun.filter(({ ended }) => ended.status !== "8");
    kept[0]?.stream.end(Buffer.alloc(192 * 1024));
    for (const { stream } of kept.slice(1)) stream.close(constants.NGHTTP2_CANCEL);
    await until(() => used === 0);
    expect(used).toBe(0);
    session.destroy();
    await limited.close(0);
  });

  test.each(["nonsense", "127.0.0.1:99999", "unix:relative"])(
    "refuses to listen on %s",
    async (text) => {
      const other = createGrpcServer(options);
      await expect(other.listen(text)).rejects.toThrow(text);
      await other.close(0);
    },
  );
});
