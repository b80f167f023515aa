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
  const found = reserved.find(({ list }) => isIn(list, ip));
  if (found !== undefined) return `${ip} is ${found.what}`;
  if (!isIn(loopback, ip)) return undefined;
  const own = Object.values(defaultAddresses).find(
    (each) => Number(each.split(":").at(-1)) === port,
  );
  return own && `${own} is an interface of Envoy or the sidecar`;
}

/** True for an address of the machine itself, also if an IPv4 address is written as IPv6. */
export function isLoopback(ip: string): boolean {
  return isIn(loopback, ip);
}

/** Where the URL of a judge leads. Of a name other than `localhost` the address is unknown, so it is the name. Throws TypeError for what is no URL. */
export function judgeSocket(url: string): { readonly ip: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(url);
  const ip = /^localhost\.?$/.test(hostname) ? "127.0.0.1" : hostname.replace(/^\[|\]$/g, "");
  return { ip, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
}

/**
 * Returns the interface (`host:port`) of Umbra or Envoy that requests to an endpoint (`ip:port`) would reach; undefined
 * if they reach none. Checks only loopback, because the machine's other addresses are unknown.
 */
export function ownInterface(endpoint: string, interfaces: readonly string[]): string | undefined {
  const at = endpoint.lastIndexOf(":");
  const ip = endpoint.slice(0, at).replace(/^\[|\]$/g, "");
  if (!isIn(loopback, ip)) return undefined;
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

/** Networks. Every endpoint is checked at every change of one, and Node's list takes 5 µs for an IPv4 address. */
interface Networks {
  readonly v4: readonly { readonly first: number; readonly size: number }[];
  readonly v6: BlockList;
}

function blocks(...nets: readonly (readonly [string, number, "ipv4" | "ipv6"])[]): Networks {
  const v6 = new BlockList();
  const v4: { readonly first: number; readonly size: number }[] = [];
  for (const [net, prefix, family] of nets) {
    // Those of IPv4 too: an IPv4 address may be written as an IPv6 one.
    v6.addSubnet(net, prefix, family);
    if (family === "ipv4") v4.push({ first: numberOf(net), size: 2 ** (32 - prefix) });
  }
  return { v4, v6 };
}

function isIn({ v4, v6 }: Networks, ip: string): boolean {
  const version = isIP(ip);
  if (version !== 4) return version === 6 && v6.check(ip, "ipv6");
  const number = numberOf(ip);
  return v4.some(({ first, size }) => number >= first && number < first + size);
}

/** An IPv4 address as a number. */
function numberOf(ip: string): number {
  return ip.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}
