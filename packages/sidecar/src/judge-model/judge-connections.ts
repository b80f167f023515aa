import { type LookupAddress, lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { isLoopback, ownInterface, socketName, unusableAddress } from "@umbra/envoy-config";
import { Agent, buildConnector, type Dispatcher } from "undici";

export interface JudgeConnectionsOptions {
  /** Interfaces (`host:port`) of Envoy and the sidecar. */
  readonly interfaces: readonly string[];
  /** True for an endpoint (`ip:port`) of a pool. */
  readonly isEndpoint: (address: string) => boolean;
  /** Resolves names; that of the machine when absent. */
  readonly lookup?: LookupFunction;
}

/** The address of a judge is one that nothing may be sent to. */
export class RefusedAddress extends Error {}

/** Most connections to one judge. */
const maxConnections = 4;
const maxHeaderBytes = 16_384;
const connectTimeoutMs = 10_000;

/**
 * Connections to judges. Each address is checked when it is connected to, because a name may resolve to another one than
 * when the policy was read: to Envoy's admin interface, or to a metadata service. No proxy is used, whatever the
 * environment says, and no redirect is followed.
 */
export function createJudgeConnections(options: JudgeConnectionsOptions): Dispatcher {
  return new Agent({
    ...{ connections: maxConnections, maxHeaderSize: maxHeaderBytes },
    connect(target, callback) {
      const port = Number(target.port) || (target.protocol === "https:" ? 443 : 80);
      const refuse = (ip: string) => refusal(ip, { port, protocol: target.protocol }, options);
      const literal = target.hostname.replace(/^\[|\]$/g, "");
      const reason = isIP(literal) === 0 ? undefined : refuse(literal);
      if (reason !== undefined) return callback(new RefusedAddress(reason), null);
      const lookup = checkedLookup(options.lookup ?? systemLookup, refuse);
      buildConnector({ timeout: connectTimeoutMs, lookup })(target, callback);
    },
  });
}

/** Why nothing may be sent to the address; undefined if it may. */
function refusal(
  ip: string,
  { port, protocol }: { readonly port: number; readonly protocol: string },
  { interfaces, isEndpoint }: JudgeConnectionsOptions,
): string | undefined {
  const unusable = unusableAddress(ip, port);
  if (unusable !== undefined) return unusable;
  const address = socketName({ address: ip, port });
  const own = ownInterface(address, interfaces);
  if (own !== undefined) return `${own} is an interface of Envoy or the sidecar`;
  if (isEndpoint(address)) return `${address} is an endpoint of a pool, so it serves a lane`;
  // Without TLS, texts must not leave the machine, whatever its file of hosts says.
  return protocol === "https:" || isLoopback(ip) ? undefined : `${ip} needs https`;
}

/** Fails if a name has one address that is refused, whichever would be used. */
function checkedLookup(
  lookup: LookupFunction,
  refuse: (ip: string) => string | undefined,
): LookupFunction {
  return (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, found) => {
      const addresses = found as readonly LookupAddress[];
      if (error !== null) return callback(error, []);
      for (const { address } of addresses) {
        const reason = refuse(address);
        if (reason !== undefined) {
          return callback(new RefusedAddress(`${name} resolves to ${address}: ${reason}`), []);
        }
      }
      const [first] = addresses;
      if (options.all === true) callback(null, [...addresses]);
      else callback(null, first?.address ?? "", first?.family);
    });
  };
}
