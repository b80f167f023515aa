import { chmodSync } from "node:fs";
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import type { Socket } from "node:net";
import { serveStream } from "./call.ts";
import { closeWhenIdle } from "./idle-session.ts";
import { boundAddress, type ListenAddress, listenAddress } from "./listen-address.ts";
import type { MessageRoom } from "./message-reader.ts";
import type { Failure, Method } from "./method.ts";
import { type OpenCalls, watchSilence } from "./silent-calls.ts";
import { removeStaleSocket, withLock } from "./stale-socket.ts";

/** What a server needs of gRPC, and no more: calls whose messages are bytes. */
export interface GrpcServer {
  /** Binds `host:port` or `unix:/path`; port 0 takes a free one. Returns the address as bound. */
  listen(address: string): Promise<string>;
  /** Takes no new call, waits up to `graceMs` for the open ones, then cuts them. */
  close(graceMs: number): Promise<void>;
  /** For connections to come; ignored without TLS. Throws when the certificates can't be used. */
  setCertificates(certificates: Certificates): void;
}

export interface GrpcServerOptions {
  /** By path: `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, Method>;
  /** A longer message ends its call with RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** For messages that come in pieces; past it a call ends with RESOURCE_EXHAUSTED. Absent: they are bounded one by one alone. */
  readonly room?: MessageRoom;
  /** Calls of one connection at once. */
  readonly maxConcurrentStreams: number;
  /** For a client's preface and settings, in ms; 10,000 when absent. */
  readonly prefaceMs?: number;
  /** Silence after which a connection takes no new calls, and a call that is not in use ends, in ms; 600,000 when absent. */
  readonly idleMs?: number;
  /** Absent: plaintext. */
  readonly tls?: Certificates;
  /** A method or its handler has thrown: says how the call ends. */
  readonly onThrow: (cause: unknown) => Failure;
}

/** PEM texts. */
export interface Certificates {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate that this authority has signed. */
  readonly clientCa?: string;
}

const mebibyte = 1024 * 1024;

/** All streams of a connection share it: at Node's 64 KiB a few large bodies would wait for one another. */
const connectionWindow = 16 * mebibyte;

/** For a client's part of the TLS handshake. */
const handshakeMs = 10_000;
/** Silence after which a peer is asked whether it is still there. */
const keepAliveMs = 30_000;

/** For a client to begin: its preface and settings. */
const prefaceMs = 10_000;
/**
 * Silence after which a connection takes no new calls, and one without calls is closed. Calls of it that serve no request
 * end. Gateways connect again.
 */
const defaultIdleMs = 10 * 60_000;

/** Only the gateway's workers and a few tools connect. */
const maxConnections = 4_096;

/**
 * gRPC on `node:http2`, with its framing done here: half the work of a server that is made for every use of gRPC, and
 * a say in what that leaves at its defaults.
 */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const settings = {
    settings: {
      maxConcurrentStreams: options.maxConcurrentStreams,
      initialWindowSize: mebibyte,
      enablePush: false,
    },
    peerMaxConcurrentStreams: options.maxConcurrentStreams,
    // Envoy ends ext_proc streams with RST_STREAM. Node counts resets as an attack, 1,000 in a burst and 33 a second, and
    // past that closes the connection with every pick on it. What bounds the peer is the limit of concurrent streams.
    streamResetBurst: 1_000_000,
    streamResetRate: 1_000_000,
    // In MB; at the default of 10 a few large bodies at once would be refused.
    maxSessionMemory: 4_096,
  };
  const server: Http2Server | Http2SecureServer =
    options.tls === undefined
      ? createServer(settings)
      : createSecureServer({
          ...settings,
          handshakeTimeout: handshakeMs,
          ...secureContext(options.tls),
          ...clientChecks(options.tls),
        });
  const sessions = new Set<ServerHttp2Session>();
  /** Those too that have not got so far as to be a session. */
  const sockets = new Set<Socket>();
  const silence = watchSilence(options.idleMs ?? defaultIdleMs);
  let isClosing = false;

  server.maxConnections = maxConnections;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A gateway whose machine is gone closes nothing.
    socket.setKeepAlive(true, keepAliveMs);
  });
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    serveSession(session, options, silence.watch(session));
    session.on("close", () => sessions.delete(session));
    if (isClosing) session.close();
  });
  // A peer that speaks no HTTP/2, or breaks it, loses its connection; there is nobody to tell.
  server.on("sessionError", () => {});
  server.on("unknownProtocol", (socket: { destroy(): void }) => socket.destroy());

  return {
    async listen(text) {
      const address = listenAddress(text);
      if (address.kind === "unix") await bindUnix(server, address.path, text);
      else await bind(server, address, text);
      return boundAddress(text, server.address());
    },
    setCertificates(certificates) {
      if ("setSecureContext" in server) server.setSecureContext(secureContext(certificates));
    },
    close(graceMs) {
      isClosing = true;
      silence.close();
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          for (const session of sessions) session.destroy();
          for (const socket of sockets) socket.destroy();
        }, graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        // Says GOAWAY: open calls go on, new ones go elsewhere.
        for (const session of sessions) session.close();
      });
    },
  };
}

function serveSession(
  session: ServerHttp2Session,
  options: GrpcServerOptions,
  calls: OpenCalls,
): void {
  session.setLocalWindowSize(connectionWindow);
  closeUnbegun(session, options.prefaceMs ?? prefaceMs);
  closeWhenIdle(session, options.idleMs ?? defaultIdleMs);
  session.on("stream", (stream, headers) => serveStream(stream, headers, options, calls));
}

function closeUnbegun(session: ServerHttp2Session, limitMs: number): void {
  const unbegun = setTimeout(() => session.destroy(), limitMs);
  session.once("remoteSettings", () => clearTimeout(unbegun));
  session.once("close", () => clearTimeout(unbegun));
}

/** Two processes that start on one Unix socket do so one after the other. */
async function bindUnix(server: Http2Server | Http2SecureServer, path: string, text: string) {
  await withLock(`${path}.lock`, async () => {
    await removeStaleSocket(path);
    await bind(server, { kind: "unix", path }, text);
    chmodSync(path, 0o600);
  });
}

function secureContext({ cert, key, clientCa }: Certificates) {
  return { cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

function clientChecks({ clientCa }: Certificates) {
  return {
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2" as const,
    ...(clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
  };
}

function bind(server: Http2Server | Http2SecureServer, address: ListenAddress, text: string) {
  return new Promise<void>((resolve, reject) => {
    const failed = (cause: Error) =>
      reject(new Error(`${text} can't be listened on: ${cause.message}`, { cause }));
    server.once("error", failed);
    server.listen(
      address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port },
      () => {
        server.off("error", failed);
        // A failure to accept (no file descriptor left) passes; what is open goes on.
        server.on("error", () => {});
        resolve();
      },
    );
  });
}
