import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

export interface WebSocketServer {
  /** `ip:port`. */
  readonly address: string;
  /** Paths of the connections that were upgraded. */
  readonly upgraded: readonly string[];
  /** Paths of plain requests. */
  readonly plain: readonly string[];
  close(): Promise<void>;
}

/** A server that answers each text message with `NAME:` before it, and plain requests with 200. Messages are shorter than 64 KiB. */
export async function startWebSocketServer(name: string): Promise<WebSocketServer> {
  const upgraded: string[] = [];
  const plain: string[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    plain.push(request.url ?? "");
    response.end(name);
  });
  server.on("upgrade", (request, socket) => {
    upgraded.push(request.url ?? "");
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    let rest = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      for (let frame = frameIn(rest); frame !== undefined; frame = frameIn(rest)) {
        rest = rest.subarray(frame.end);
        if (frame.opcode === text) socket.write(frameOf(text, `${name}:${frame.payload}`));
        if (frame.opcode === close) socket.end(frameOf(close, ""));
      }
    });
  });
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    upgraded,
    plain,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const [text, close] = [1, 8];

/** The first whole frame of a client, unmasked. */
function frameIn(bytes: Buffer) {
  if (bytes.length < 2) return undefined;
  const short = bytes.readUInt8(1) & 0x7f;
  const at = short === 126 ? 4 : 2;
  if (bytes.length < at + 4) return undefined;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  const end = at + 4 + length;
  if (bytes.length < end) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const payload = bytes.subarray(at + 4, end).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return { opcode: bytes.readUInt8(0) & 0x0f, payload: Buffer.from(payload).toString(), end };
}

function frameOf(opcode: number, payload: string): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(body.length < 126 ? 2 : 4);
  head.writeUInt8(0x80 | opcode, 0);
  head.writeUInt8(Math.min(body.length, 126), 1);
  if (body.length >= 126) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}
