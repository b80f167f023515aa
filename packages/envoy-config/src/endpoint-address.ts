import { BlockList, isIP } from "node:net";
import { defaultAddresses } from "./default-addresses.ts";

/**
 * Explains why an address can't be a model server: it is not a single machine's address, or it would expose an
 * internal service such as a cloud's metadata service or Envoy's admin interface. Undefined if the address is allowed.
 * Loopback is allowed, for local use.
 *
 * @param port 0 if unknown
 */
export function unusableAddress(ip: string, port: number): string | undefined {
  const family = isIP(ip) === 6 ? "ipv6" : "ipv4";
  const found = reserved.find(({ list }) => list.check(ip, family));
  if (found !== undefined) return `${ip} is ${found.what}`;
  if (!loopback.check(ip, family)) return undefined;
  const own = Object.values(defaultAddresses).find(
    (each) => Number(each.split(":").at(-1)) === port,
  );
  return own && `${own} is an interface of Envoy or the sidecar`;
}

/**
 * Returns the interface (`host:port`) of Umbra or Envoy that requests to an endpoint (`ip:port`) would reach; undefined
 * if they reach none. Checks only loopback, because the machine's other addresses are unknown.
 */
export function ownInterface(endpoint: string, interfaces: readonly string[]): string | undefined {
  const at = endpoint.lastIndexOf(":");
  const ip = endpoint.slice(0, at).replace(/^\[|\]$/g, "");
  if (!loopback.check(ip, isIP(ip) === 6 ? "ipv6" : "ipv4")) return undefined;
  return interfaces.find(
    (each) => each.slice(each.lastIndexOf(":") + 1) === endpoint.slice(at + 1),
  );
}

const reserved = [
  {
    what: "the unspecified address",
    list: blocks(["0.0.0.0", 8, "ipv4"], ["::", 128, "ipv6"]),
  },
  {
    what: "a link-local address or a cloud's metadata service, which serves credentials",
    list: blocks(
      ["169.254.0.0", 16, "ipv4"],
      ["fe80::", 10, "ipv6"],
      // The same addresses through NAT64 and 6to4.
      ["64:ff9b::a9fe:0", 112, "ipv6"],
      ["2002:a9fe::", 32, "ipv6"],
      ["100.100.100.200", 32, "ipv4"],
      ["168.63.129.16", 32, "ipv4"],
      ["192.0.0.192", 32, "ipv4"],
      ["fd00:ec2::254", 128, "ipv6"],
      ["fd20:ce::254", 128, "ipv6"],
    ),
  },
  {
    what: "a multicast or broadcast address",
    list: blocks(["224.0.0.0", 3, "ipv4"], ["ff00::", 8, "ipv6"]),
  },
];
const loopback = blocks(["127.0.0.0", 8, "ipv4"], ["::1", 128, "ipv6"]);

function blocks(...nets: readonly (readonly [string, number, "ipv4" | "ipv6"])[]): BlockList {
  const list = new BlockList();
  for (const [net, prefix, family] of nets) list.addSubnet(net, prefix, family);
  return list;
}
