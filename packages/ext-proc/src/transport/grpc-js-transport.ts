import { chmodSync } from "node:fs";
import {
  experimental,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { answerBytes } from "../answers.ts";
import { raiseHttp2Limits } from "./http2-limits.ts";
import { boundAddress, listenAddress } from "./listen-address.ts";
import { removeStaleSocket } from "./stale-socket.ts";
import type {
  Call,
  CallHandler,
  Certificates,
  Failure,
  Method,
  Transport,
  TransportOptions,
} from "./transport.ts";

type Stream = ServerDuplexStream<Buffer, Buffer>;

/** gRPC by grpc-js: slower, and the implementation that most of the world's Node servers stand on. */
export function createGrpcJsTransport(options: TransportOptions): Transport {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_send_message_length": options.maxMessageBytes,
    "grpc.max_concurrent_streams": options.maxConcurrentStreams,
    "grpc-node.flow_control_window": 1024 * 1024,
  });
  raiseHttp2Limits(server);
  for (const [path, method] of options.methods) {
    const name = path.slice(1);
    const definition = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    const serve: UntypedServiceImplementation = {
      [name]: (call: Stream) => serveCall(call, method, options.onThrow),
    };
    server.addService({ [name]: definition }, serve);
  }
  const certificates =
    options.tls === undefined ? undefined : createCertificateProvider(options.tls);

  return {
    async listen(text) {
      await removeStaleSocket(listenAddress(text));
      const credentials =
        certificates === undefined ? ServerCredentials.createInsecure() : certificates.credentials;
      return new Promise((resolve, reject) => {
        server.bindAsync(text, credentials, (error, port) => {
          if (error !== null) {
            reject(new Error(`${text} can't be listened on: ${error.message}`, { cause: error }));
            return;
          }
          const address = listenAddress(text);
          if (address.kind === "unix") chmodSync(address.path, 0o600);
          const bound = address.kind === "unix" ? null : { port, address: "", family: "" };
          resolve(boundAddress(text, bound));
        });
      });
    },
    setCertificates(next) {
      certificates?.set(next);
    },
    close(graceMs) {
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown();
          // It waits on for connections that have not finished their TLS handshake.
          resolve();
        }, graceMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}

function serveCall(stream: Stream, method: Method, onThrow: (cause: unknown) => Failure): void {
  let isOver = false;
  let handler: CallHandler | undefined;
  // A throw in a listener would end the process.
  const contained = (run: () => void) => {
    try {
      run();
    } catch (cause) {
      const { code, message } = onThrow(cause);
      call.fail(code, message);
    }
  };
  const close = () => {
    if (isOver) return;
    isOver = true;
    contained(() => handler?.onClose());
  };
  const call: Call = {
    metadata: {
      get(name) {
        const [value] = stream.metadata.get(name);
        return typeof value === "string" ? value : undefined;
      },
    },
    send(messages) {
      if (isOver) return;
      let hasRoom = true;
      for (const message of messages) hasRoom = stream.write(asBuffer(answerBytes(message)));
      // A client that takes nothing is not read from either.
      if (!hasRoom && !stream.isPaused()) {
        stream.pause();
        stream.once("drain", () => stream.resume());
      }
    },
    end() {
      if (isOver) return;
      close();
      stream.end();
    },
    fail(code, details) {
      if (isOver) return;
      close();
      stream.emit("error", { code, details });
    },
  };
  stream.on("data", (bytes: Buffer) => {
    if (!isOver) contained(() => handler?.onMessage(bytes));
  });
  stream.on("end", () => {
    if (!isOver) contained(() => handler?.onEnd());
  });
  stream.on("cancelled", close);
  stream.on("error", close);
  stream.on("close", close);
  contained(() => {
    handler = method(call);
  });
}

/** grpc-js asks for certificates through providers, which tell their listeners of new ones. */
function createCertificateProvider(first: Certificates) {
  let current = first;
  const identity = new Set<experimental.IdentityCertificateUpdateListener>();
  const authorities = new Set<experimental.CaCertificateUpdateListener>();
  const tellIdentity = (listener: experimental.IdentityCertificateUpdateListener) =>
    listener({ certificate: Buffer.from(current.cert), privateKey: Buffer.from(current.key) });
  const tellAuthority = (listener: experimental.CaCertificateUpdateListener) =>
    listener({ caCertificate: Buffer.from(current.clientCa ?? "") });
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener(listener) {
      authorities.add(listener);
      queueMicrotask(() => tellAuthority(listener));
    },
    removeCaCertificateListener: (listener) => void authorities.delete(listener),
    addIdentityCertificateListener(listener) {
      identity.add(listener);
      // Later: grpc-js is not ready for its own listener yet.
      queueMicrotask(() => tellIdentity(listener));
    },
    removeIdentityCertificateListener: (listener) => void identity.delete(listener),
  };
  const isMutual = first.clientCa !== undefined;
  return {
    // The first is what grpc-js shows, the second what it checks clients by; its declarations name them the other way round.
    credentials: experimental.createCertificateProviderServerCredentials(
      provider,
      isMutual ? provider : null,
      isMutual,
    ),
    set(next: Certificates) {
      current = next;
      for (const listener of identity) tellIdentity(listener);
      if (isMutual) for (const listener of authorities) tellAuthority(listener);
    },
  };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

/** A view, not a copy. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
