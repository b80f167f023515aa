import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createGrpcServer, type GrpcServer, type Method, statusCode } from "@umbra/grpc";
import { until } from "./until.ts";

const path = "/test.Silence/Stream";
const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc" };
const emptyMessage = Buffer.alloc(5);
const idleMs = 200;

/** What a method of this server does with its call, by the header `x-mode`. */
const method: Method = (call) => {
  const mode = call.metadata.get("x-mode");
  const isInUse = mode === "in use";
  if (mode === "refused") call.fail(statusCode.internal, "refused at once");
  return {
    get isInUse() {
      return isInUse;
    },
    onMessage: () => call.send([new Uint8Array()]),
    onEnd: () => call.end(),
    onClose() {},
  };
};

describe("silence", () => {
  let server: GrpcServer;
  let address: string;
  let peer: ClientHttp2Session;

  beforeEach(async () => {
    server = createGrpcServer({
      ...{ methods: new Map([[path, method]]), maxMessageBytes: 1_024, maxConcurrentStreams: 100 },
      ...{ idleMs, onThrow: () => ({ code: statusCode.internal, message: "a bug" }) },
    });
    address = await server.listen("127.0.0.1:0");
    peer = connect(`http://${address}`);
    peer.on("error", () => {});
  });

  afterEach(async () => {
    peer.destroy();
    await server.close(0);
  });

  /** Has the connection itself say something, as long as it is open. */
  function keepAlive(): NodeJS.Timeout {
    return setInterval(
      () => void (peer.closed || peer.destroyed || peer.ping(() => {})),
      idleMs / 4,
    ).unref();
  }

  async function statusOf(stream: ClientHttp2Stream): Promise<unknown> {
    const [seen] = (await Promise.race([once(stream, "response"), once(stream, "trailers")])) as [
      Record<string, unknown>,
    ];
    if ("grpc-status" in seen) return seen["grpc-status"];
    const [trailers] = (await once(stream, "trailers")) as [Record<string, unknown>];
    return trailers["grpc-status"];
  }

  test.each([
    { name: "has sent nothing", first: [] },
    { name: "has sent one message", first: [emptyMessage] },
    { name: "ends in the middle of a message", first: [emptyMessage.subarray(0, 3)] },
  ])("a call that $name is ended, though its connection is alive", async ({ first }) => {
    const pings = keepAlive();
    const stream = peer.request(headers);
    stream.resume();
    for (const bytes of first) stream.write(bytes);
    expect(await statusOf(stream)).toBe(String(statusCode.deadlineExceeded));
    clearInterval(pings);
  });

  test("a call in use may be silent for as long as it likes", async () => {
    const pings = keepAlive();
    const inUse = peer.request({ ...headers, "x-mode": "in use" });
    let isClosed = false;
    inUse.resume().once("close", () => {
      isClosed = true;
    });
    // Three that are silent one after the other: the one in use outlives them by far.
    for (let i = 0; i < 3; i++) {
      const other = connect(`http://${address}`);
      const silent = other.request(headers);
      silent.resume();
      expect(await statusOf(silent)).toBe(String(statusCode.deadlineExceeded));
      other.destroy();
    }
    expect(isClosed).toBe(false);
    inUse.end(emptyMessage);
    expect(await statusOf(inUse)).toBe("0");
    clearInterval(pings);
  });

  test("a call with a message from time to time continues", async () => {
    const stream = peer.request(headers);
    stream.resume();
    let answers = 0;
    stream.on("data", () => {
      answers++;
    });
    const speaking = setInterval(() => stream.write(emptyMessage), idleMs / 4);
    await until(() => answers >= 12);
    clearInterval(speaking);
    expect(stream.closed).toBe(false);
    stream.end();
    expect(await statusOf(stream)).toBe("0");
  });

  test("a connection with many short calls stays open, and none of them fails", async () => {
    const statuses: unknown[] = [];
    let broken = 0;
    const calling = setInterval(() => {
      if (peer.closed || peer.destroyed) {
        broken++;
        return;
      }
      const stream = peer.request(headers);
      stream.on("error", () => broken++);
      stream.resume().end(emptyMessage);
      stream.on("trailers", (trailers) => statuses.push(trailers["grpc-status"]));
    }, 5);
    const untilMs = performance.now() + 10 * idleMs;
    await until(() => broken > 0 || performance.now() > untilMs);
    clearInterval(calling);
    expect(broken).toBe(0);
    expect(peer.closed).toBe(false);
    expect(new Set(statuses)).toEqual(new Set(["0"]));
  });

  test.each([
    { name: "no call", open: () => {} },
    {
      name: "a request that is no gRPC and never ends",
      open: () => void peer.request({ ":method": "POST", ":path": "/" }).resume(),
    },
    {
      name: "a call of no method that never ends",
      open: () => void peer.request({ ...headers, ":path": "/none" }).resume(),
    },
    {
      name: "calls that were refused inside their method",
      open: () => {
        for (let i = 0; i < 100; i++) {
          peer
            .request({ ...headers, "x-mode": "refused" })
            .resume()
            .end();
        }
      },
    },
  ])("a connection with $name is closed, though it sends pings", async ({ open }) => {
    const pings = keepAlive();
    open();
    await until(() => peer.destroyed);
    expect(peer.destroyed).toBe(true);
    clearInterval(pings);
  });
});
