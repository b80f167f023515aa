import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { request } from "undici";
import { raw } from "../../harness/raw.ts";
import type { Attack } from "../attack.ts";
import { frame, grpcMessage, headerBlock, preface } from "../http2-frames.ts";
import { repeat, untilAborted } from "../repeat.ts";

function grpc(name: string, once: (host: string, port: number) => Promise<unknown>, everyMs = 200) {
  return {
    ...{ name, way: "grpc" as const },
    async run({ grpc: address }, signal) {
      const [host = "", port] = address.split(":");
      await repeat(everyMs, signal, () => once(host, Number(port)));
      return undefined;
    },
  } satisfies Attack;
}

/** Frames of one kind, as many as are taken in a second, and none of the answers is read. */
const flood = (name: string, block: Buffer, head: readonly Buffer[] = []) =>
  grpc(
    name,
    async (host, port) => {
      const socket = connect(port, host);
      socket.on("error", () => {}).pause();
      for (const piece of [preface, ...head]) socket.write(piece);
      const endMs = performance.now() + 1_000;
      while (!socket.destroyed && performance.now() < endMs) {
        if (socket.write(block)) await new Promise((resolve) => setImmediate(resolve));
        else await drained(socket);
      }
      socket.destroy();
    },
    1_500,
  );

async function drained(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 300);
    socket.once("drain", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

const many = (count: number, piece: Buffer) => Buffer.concat(Array<Buffer>(count).fill(piece));

/** One call whose messages are compressed, as no Envoy sends them. */
async function compressedCall(host: string, port: number): Promise<void> {
  const session = connectHttp2(`http://${host}:${port}`);
  session.on("error", () => {});
  const stream = session.request({
    ...{ ":method": "POST", ":path": "/envoy.service.ext_proc.v3.ExternalProcessor/Process" },
    ...{ "content-type": "application/grpc", te: "trailers", "grpc-encoding": "gzip" },
  });
  stream.on("error", () => {}).resume();
  stream.write(grpcMessage(bomb, 1));
  await new Promise((resolve) => setTimeout(resolve, 500));
  session.destroy();
}

const bomb = gzipSync(Buffer.alloc(31 << 20, "x"), { level: 9 });

const silent: Attack = {
  name: "1,000 silent connections, half of them with a preface",
  way: "grpc",
  async run({ grpc: address }, signal) {
    const [host = "", port] = address.split(":");
    const sockets = Array.from({ length: 1_000 }, (_, i) => {
      const socket = connect(Number(port), host);
      socket.on("error", () => {}).resume();
      if (i % 2 === 0) socket.write(preface);
      return socket;
    });
    await untilAborted(signal);
    for (const socket of sockets) socket.destroy();
    return undefined;
  },
};

const reflection = grpc("reflection, message after message", async (host, port) => {
  const session = connectHttp2(`http://${host}:${port}`);
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ...{ "content-type": "application/grpc", te: "trailers" },
  });
  stream.on("error", () => {}).resume();
  stream.write(many(20_000, grpcMessage(Buffer.from([0x3a, 0]), 0)));
  await new Promise((resolve) => setTimeout(resolve, 500));
  session.destroy();
});

const open = frame(1, 0, 1, headerBlock([[":method", "POST"]]));

export const grpcAttacks: readonly Attack[] = [
  grpc("compressed messages", compressedCall, 50),
  silent,
  reflection,
  flood("empty CONTINUATION frames", many(4_000, frame(9, 0, 1)), [open]),
  flood("SETTINGS frames", many(2_000, frame(4, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])))),
  flood("PING frames", many(2_000, frame(6, 0, 0, Buffer.alloc(8)))),
  flood("unknown frames", many(2_000, frame(0x42, 0, 0, Buffer.alloc(8)))),
  flood("no HTTP/2 at all", Buffer.alloc(65_536, 0xff)),
];

const held: Attack = {
  name: "500 held connections",
  way: "admin",
  async run({ admin }, signal) {
    const [host = "", port] = admin.split(":");
    const sockets = Array.from({ length: 500 }, () => {
      const socket = connect(Number(port), host);
      socket.on("error", () => {}).resume();
      socket.write("GET /v1/pools HTTP/1.1\r\n");
      return socket;
    });
    await untilAborted(signal);
    for (const socket of sockets) socket.destroy();
    return undefined;
  },
};

const rebound: Attack = {
  name: "a page under another name (rebinding)",
  way: "admin",
  async run({ admin }, signal) {
    const ask = (path: string) =>
      raw(
        `http://${admin}`,
        `GET ${path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n`,
      );
    const answers = await Promise.all(["/v1/pools", "/metrics", "/v1/report"].map(ask));
    await untilAborted(signal);
    const statuses = answers.map(({ status }) => status);
    return statuses.every((status) => status === 403) ? undefined : `answered ${statuses}`;
  },
};

const events: Attack = {
  name: "event streams that read nothing, and reports",
  way: "admin",
  async run({ admin }, signal) {
    const [host = "", port] = admin.split(":");
    const sockets = Array.from({ length: 40 }, () => {
      const socket = connect(Number(port), host);
      socket.on("error", () => {}).pause();
      socket.write(`GET /v1/events HTTP/1.1\r\nhost: ${admin}\r\n\r\n`);
      return socket;
    });
    await repeat(50, signal, async () => (await request(`http://${admin}/v1/report`)).body.dump());
    for (const socket of sockets) socket.destroy();
    return undefined;
  },
};

export const adminAttacks: readonly Attack[] = [held, rebound, events];
