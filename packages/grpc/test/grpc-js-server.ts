import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import type {
  Call,
  CallHandler,
  Failure,
  GrpcServer,
  GrpcServerOptions,
  Method,
} from "@umbra/grpc";
import { messageBytes } from "./message-bytes.ts";

type Stream = ServerDuplexStream<Buffer, Buffer>;

/** A server by grpc-js, which ours is compared with. Plaintext on `host:port` only. */
export function createGrpcJsServer(
  options: GrpcServerOptions,
): Pick<GrpcServer, "listen" | "close"> {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_concurrent_streams": options.maxConcurrentStreams,
  });
  for (const [path, method] of options.methods) {
    const definition = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    server.addService(
      { method: definition },
      { method: (call: Stream) => serveCall(call, method, options.onThrow) },
    );
  }
  return {
    listen: (address) =>
      new Promise((resolve, reject) => {
        server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
          if (error === null) resolve(address.replace(/:\d+$/, `:${port}`));
          else reject(error);
        });
      }),
    close: (graceMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), graceMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
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
      for (const message of messages) hasRoom = stream.write(messageBytes(message));
      if (hasRoom || stream.isPaused()) return;
      stream.pause();
      stream.once("drain", () => stream.resume());
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
  for (const over of ["cancelled", "error", "close"]) stream.on(over, close);
  contained(() => {
    handler = method(call);
  });
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
