import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/** Bytes that a connection may send before it is told that they were read; Node's own 64 KiB slow large bodies down. */
const connectionWindowBytes = 16 * 1024 * 1024;

/** What grpc-js builds its HTTP/2 server from. Not in its types. */
interface Internals {
  commonServerOptions?: object;
  createHttp2Server?: (credentials: unknown) => Http2Server;
}

/**
 * Sets what grpc-js 1.14 has no option for.
 *
 * Envoy ends ext_proc streams with RST_STREAM. Node counts resets as an attack, 1,000 in a burst and 33 a second,
 * and past that closes the connection with every pick on it: the limits are raised (Node 22.19 and later honour
 * this). The peer is our own Envoy; what bounds it is the limit of concurrent streams.
 */
export function raiseHttp2Limits(server: Server): void {
  const internals = server as unknown as Internals;
  const { commonServerOptions, createHttp2Server } = internals;
  if (commonServerOptions === undefined || createHttp2Server === undefined) {
    throw new Error(
      "this @grpc/grpc-js builds its HTTP/2 server in another way: adapt raiseHttp2Limits to it",
    );
  }
  Object.assign(commonServerOptions, { streamResetBurst: 1_000_000, streamResetRate: 1_000_000 });
  internals.createHttp2Server = (credentials) => {
    const http2 = createHttp2Server.call(server, credentials);
    http2.on("session", (session: ServerHttp2Session) => {
      session.setLocalWindowSize(connectionWindowBytes);
    });
    return http2;
  };
}
