import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { encodeMessage, encodeResource } from "./encode.ts";
import { messageNameOf } from "./kind.ts";
import { createResource, type Resource } from "./snapshot.ts";

/** Encodes a route configuration from its JSON form, as `encodeResource` does. */
export type EncodeRoutes = (name: string, json: unknown) => Resource;

const hostType = "envoy.config.route.v3.VirtualHost";
/** Number of the field `virtual_hosts`. */
const hostsField = 2;

/**
 * Creates an encoder for route configurations that change. A virtual host that is the same object as in an earlier call
 * is not encoded again: a configuration has thousands, of which a change touches one.
 *
 * @throws EncodingError for unknown fields and wrong values
 */
export function createRouteEncoder(): EncodeRoutes {
  const known = new WeakMap<object, Uint8Array>();
  const bytesOf = (host: object) => {
    const bytes = known.get(host) ?? encodeMessage(hostType, host);
    known.set(host, bytes);
    return bytes;
  };
  return (name, json) => {
    const { virtual_hosts: hosts, ...rest } = json as Readonly<Record<string, unknown>>;
    if (!Array.isArray(hosts)) return encodeResource("rds", name, json);
    try {
      const writer = new BinaryWriter().raw(encodeMessage(messageNameOf("rds"), rest));
      for (const host of hosts as readonly object[]) {
        writer.tag(hostsField, WireType.LengthDelimited).bytes(bytesOf(host));
      }
      return createResource(name, writer.finish());
    } catch {
      // Its error names the place in the whole.
      return encodeResource("rds", name, json);
    }
  };
}
