import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { socketName } from "@umbra/envoy-config";
import type { PeerKeys } from "./peer-keys.ts";
import { peerServerTls } from "./peer-tls.ts";

/** Serves the peers, over HTTP/2 on a port of its own. */
export interface PeerServer {
  /** The bound `host:port`. */
  readonly address: string;
  /** True if a peer listens for reports. */
  readonly hasListeners: boolean;
  /** Sends a line to all that listen. Those that do not keep up miss it. */
  broadcast(line: string): void;
  close(): Promise<void>;
}

export interface PeerServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly keys: PeerKeys;
  /** Name of this process, new at each start. */
  readonly replica: string;
  /** Returns own samples after a serial; undefined if no such evaluation runs. */
  readonly page: (evaluation: string, after: number) => Promise<string | undefined>;
}

/** Each peer has one; strangers only get as far as the handshake. */
const maxConnections = 256;
const handshakeMs = 5_000;
/** A peer listens for reports and asks for one page at a time. */
const maxStreams = 8;
/** Idle time after which a connection is closed: reports come several times a second. */
const idleMs = 30_000;
/** A peer with more unsent bytes than this misses reports. */
const maxUnsentBytes = 4 * 1024 * 1024;

/** @throws Error if the address can't be bound */
export async function startPeerServer(options: PeerServerOptions): Promise<PeerServer> {
  const { listen, keys, replica, page } = options;
  const listeners = new Set<ServerHttp2Stream>();
  const sockets = new Set<Socket>();
  const server = createSecureServer({
    ...peerServerTls(keys),
    handshakeTimeout: handshakeMs,
    settings: { maxConcurrentStreams: maxStreams, enablePush: false },
    maxSessionMemory: 16,
  });
  server.maxConnections = maxConnections;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("session", (session) => {
    session.setTimeout(idleMs, () => session.destroy());
  });
  // A stranger or a peer that violates HTTP/2 loses its connection; there is nothing to report.
  for (const event of ["sessionError", "tlsClientError"]) server.on(event, () => undefined);
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on("error", () => undefined);
    stream.resume();
    const path = headers[":path"] ?? "/";
    const url = URL.canParse(path, "https://peer") ? new URL(path, "https://peer") : undefined;
    if (headers[":method"] !== "GET") refuse(stream, 405);
    else if (url === undefined) refuse(stream, 400);
    else if (url.pathname === "/v1/reports") listenTo(stream);
    else if (url.pathname === "/v1/samples") void givePage(stream, url.searchParams, page);
    else refuse(stream, 404);
  });

  function listenTo(stream: ServerHttp2Stream): void {
    stream.respond({ ":status": 200, "umbra-replica": replica });
    listeners.add(stream);
    stream.on("close", () => listeners.delete(stream));
  }

  await bind(server, listen);
  server.on("error", () => undefined);
  return {
    address: socketName(server.address() as AddressInfo),
    get hasListeners() {
      return listeners.size > 0;
    },
    broadcast(line) {
      const bytes = Buffer.from(`${line}\n`);
      for (const stream of listeners) {
        if (stream.writableLength <= maxUnsentBytes) stream.write(bytes);
      }
    },
    close() {
      // Also those without a handshake: strangers must not delay the end.
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function givePage(
  stream: ServerHttp2Stream,
  query: URLSearchParams,
  page: PeerServerOptions["page"],
): Promise<void> {
  const after = Number(query.get("after") ?? "");
  const evaluation = query.get("evaluation") ?? "";
  if (!Number.isSafeInteger(after) || after < 0) return refuse(stream, 400);
  const text = await page(evaluation, after).catch(() => undefined);
  if (text === undefined) return refuse(stream, 404);
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": "application/x-ndjson" });
  stream.end(text);
}

function bind(server: Http2SecureServer, listen: PeerServerOptions["listen"]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: Error) => {
      const words = `can't listen for peers on ${listen.host}:${listen.port}: ${cause.message}`;
      reject(new Error(words, { cause }));
    });
    server.listen(listen, () => resolve());
  });
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  if (!stream.destroyed) stream.respond({ ":status": status }, { endStream: true });
}
