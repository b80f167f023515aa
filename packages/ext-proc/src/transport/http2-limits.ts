import type { Server } from "@grpc/grpc-js";

/** What grpc-js builds its HTTP/2 server from. Not in its types. */
interface Internals {
  commonServerOptions?: object;
}

/**
 * Sets what grpc-js 1.14 has no option for.
 *
 * Envoy ends ext_proc streams with RST_STREAM. Node counts resets as an attack, 1,000 in a burst and 33 a second,
 * and past that closes the connection with every pick on it: the limits are raised (Node 22.19 and later honour
 * this). The peer is our own Envoy; what bounds it is the limit of concurrent streams.
 *
 * The connection's window stays at Node's 64 KiB: `session.setLocalWindowSize` would make large bodies faster,
 * and slows every small request.
 */
export function raiseHttp2Limits(server: Server): void {
  const { commonServerOptions } = server as unknown as Internals;
  if (commonServerOptions === undefined) {
    throw new Error(
      "this @grpc/grpc-js builds its HTTP/2 server in another way: adapt raiseHttp2Limits to it",
    );
  }
  Object.assign(commonServerOptions, { streamResetBurst: 1_000_000, streamResetRate: 1_000_000 });
}
