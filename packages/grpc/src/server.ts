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
import { boundAddress, type ListenAddress, listenAddress } from "./listen-address.ts";
import type { MessageRoom } from "./message-reader.ts";
import type { Failure, Method } from "./method.ts";
import { removeStaleSocket, withLock } from "./stale-socket.ts";

/** A minimal gRPC server: calls whose messages are bytes. */
export interface GrpcServer {
  /** Binds `host:port` or `unix:/path`; port 0 chooses a free port. Returns the bound address. */
  listen(address: string): Promise<string>;
  /** Accepts no new calls, waits up to `graceMs` for open ones, then aborts them. */
  close(graceMs: number): Promise<void>;
  /** Sets the certificates for new connections; ignored without TLS. Throws if they can't be used. */
  setCertificates(certificates: Certificates): void;
}

export interface GrpcServerOptions {
  /** Methods by path: `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, Method>;
  /** Largest message; a larger one ends its call with RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /**
   * Shared limit for messages that arrive in pieces; beyond it a call ends with RESOURCE_EXHAUSTED. When absent,
   * messages are only limited individually.
   */
  readonly room?: MessageRoom;
  /** Most concurrent calls of one connection. */
  readonly maxConcurrentStreams: number;
  /** Time limit for a client's preface and settings, in ms; 10,000 when absent. */
  readonly prefaceMs?: number;
  /** Idle time after which a connection accepts no new calls, in ms; 600,000 when absent. */
  readonly idleMs?: number;
  /** Certificates; plaintext when absent. */
  readonly tls?: Certificates;
  /** Returns how a call ends after its method or handler has thrown. */
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

/**
 * Flow-control window shared by all streams of a connection. With Node's 64 KiB, a few large bodies would block each
 * other.
 */
const connectionWindow = 16 * mebibyte;

/** Time limit for the TLS handshake. */
const handshakeMs = 10_000;
/** Idle time after which TCP keep-alive probes start. */
const keepAliveMs = 30_000;

/** Time limit for a client's preface and settings. */
const prefaceMs = 10_000;
/** Idle time after which a connection accepts no new calls; open calls continue. Gateways reconnect. */
const idleMs = 10 * 60_000;

/** Only the gateway's workers and a few tools connect. */
const maxConnections = 4_096;

/**
 * Creates a gRPC server on `node:http2` with its own framing. It needs half the work of a general-purpose gRPC server
 * and allows settings that those leave at their defaults.
 */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const settings = {
    settings: {
      maxConcurrentStreams: options.maxConcurrentStreams,
      initialWindowSize: mebibyte,
      enablePush: false,
    },
    peerMaxConcurrentStreams: options.maxConcurrentStreams,
    // Envoy ends ext_proc streams with RST_STREAM. Node treats resets as an attack beyond a burst of 1,000 and 33 per
    // second, and then closes the connection with all its picks. The limit of concurrent streams bounds the peer
    // instead.
    streamResetBurst: 1_000_000,
    streamResetRate: 1_000_000,
    // In MB. With the default of 10, a few large bodies at once would be refused.
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
  /** Includes sockets that are not sessions yet. */
  const sockets = new Set<Socket>();
  let isClosing = false;

  server.maxConnections = maxConnections;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A gateway whose machine has failed does not close its connections.
    socket.setKeepAlive(true, keepAliveMs);
  });
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.setLocalWindowSize(connectionWindow);
    closeWhenSilent(session, options);
    session.on("close", () => sessions.delete(session));
    if (isClosing) session.close();
  });
  server.on("stream", (stream, headers) => serveStream(stream, headers, options));
  // A peer that violates HTTP/2 loses its connection; there is nothing to report.
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
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          for (const session of sessions) session.destroy();
          for (const socket of sockets) socket.destroy();
        }, graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        // Sends GOAWAY: open calls continue, new ones go elsewhere.
        for (const session of sessions) session.close();
      });
    },
  };
}

function closeWhenSilent(
  session: ServerHttp2Session,
  options: Pick<GrpcServerOptions, "prefaceMs" | "idleMs">,
): void {
  const unbegun = setTimeout(() => session.destroy(), options.prefaceMs ?? prefaceMs);
  session.once("remoteSettings", () => clearTimeout(unbegun));
  session.once("close", () => clearTimeout(unbegun));
  session.setTimeout(options.idleMs ?? idleMs, () => session.close());
}

/** Serializes the start of two processes on one Unix socket. */
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
      reject(new Error(`can't listen on ${text}: ${cause.message}`, { cause }));
    server.once("error", failed);
    server.listen(
      address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port },
      () => {
        server.off("error", failed);
        // A failed accept (no file descriptor left) is temporary; open connections continue.
        server.on("error", () => {});
        resolve();
      },
    );
  });
}
