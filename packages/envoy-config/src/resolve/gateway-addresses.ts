import { createHash } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { compare } from "../compare.ts";
import type { Gateway } from "../resources/resources.ts";
import { compareAge } from "./precedence.ts";

/** Where a Gateway listens. */
export type PlacedGateway =
  | { readonly kind: "placed"; readonly address: string }
  | {
      readonly kind: "refused";
      /** A reason of the Gateway API's conditions: `Accepted` is false, or `Programmed`. */
      readonly reason: "UnsupportedAddress" | "AddressNotUsable";
      readonly message: string;
    };

export interface AddressOptions {
  /** For Gateways that ask for no address. */
  readonly bindAddress: string;
  /** Addresses to give to Gateways that ask for none, and the only ones that they may ask for. */
  readonly range: AddressRange | undefined;
  /** False: what Gateways ask for has no effect. */
  readonly honoursSpec: boolean;
}

/** Addresses of a network. */
export interface AddressRange {
  readonly text: string;
  has(address: string): boolean;
  /** The address with an index from 0 to `size` - 1. */
  at(index: number): string;
  readonly size: number;
}

/** More are not used. */
const maxRange = 65_536;

/**
 * Reads a network, such as `10.0.7.0/24` or `fd00:7::/64`. Its own address and an IPv4 broadcast address are not
 * used. Undefined if it is not one.
 */
export function parseAddressRange(text: string): AddressRange | undefined {
  const slash = text.indexOf("/");
  const network = text.slice(0, slash);
  const bits = Number(text.slice(slash + 1));
  const version = addressIn(network) === undefined ? 0 : isIP(network);
  const width = version === 4 ? 32 : 128;
  if (slash < 0 || version === 0 || !/\/\d{1,3}$/.test(text) || bits > width) return undefined;
  const list = new BlockList();
  list.addSubnet(network, bits, version === 4 ? "ipv4" : "ipv6");
  const total = 2n ** BigInt(width - bits);
  const unused = total <= 2n ? 0n : version === 4 ? 2n : 1n;
  const first = (numberOf(network) / total) * total + (unused === 0n ? 0n : 1n);
  const usable = total - unused;
  return {
    text,
    size: usable > maxRange ? maxRange : Number(usable),
    has: (address) =>
      isIP(address) > 0 && list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6"),
    at: (index) => textOf(first + BigInt(index), version),
  };
}

/**
 * Finds the address of each Gateway. One that asks for none keeps the address in its status. Otherwise it gets the one
 * of the range to which its name leads, or the next free one, the oldest Gateway first. So no Gateway that comes or
 * goes moves another one.
 */
export function placeGateways(
  gateways: readonly Gateway[],
  options: AddressOptions,
): ReadonlyMap<Gateway, PlacedGateway> {
  const { range, bindAddress } = options;
  const places = new Map<Gateway, PlacedGateway>();
  const free: Gateway[] = [];
  const taken = new Set<string>();
  for (const gateway of gateways) {
    const asked = askedFor(gateway, options);
    if (asked === undefined) free.push(gateway);
    else places.set(gateway, asked);
    if (asked?.kind === "placed") taken.add(asked.address);
  }
  if (range === undefined) {
    for (const gateway of free) places.set(gateway, { kind: "placed", address: bindAddress });
    return places;
  }
  const held = new Set<string>();
  const waiting = free.toSorted(byAgeAndName).filter((gateway) => {
    const address = gateway.heldAddresses
      .flatMap((each) => addressIn(each) ?? [])
      .find((each) => range.has(each) && !held.has(each));
    if (address === undefined) return true;
    held.add(address);
    places.set(gateway, { kind: "placed", address });
    return false;
  });
  const isTaken = (address: string) => taken.has(address) || held.has(address);
  for (const gateway of waiting) {
    const address = freeAddress(gateway, range, isTaken);
    if (address !== undefined) held.add(address);
    places.set(gateway, address === undefined ? allTaken(range) : { kind: "placed", address });
  }
  return places;
}

/** What the Gateway asks for; undefined: any address. */
function askedFor(
  { addresses }: Gateway,
  { range, honoursSpec }: AddressOptions,
): PlacedGateway | undefined {
  if (!honoursSpec) return undefined;
  const other = addresses.find(({ type }) => type !== "IPAddress");
  if (other !== undefined) {
    const message = `addresses of type ${other.type.slice(0, 64)} are not supported, only IPAddress`;
    return { kind: "refused", reason: "UnsupportedAddress", message };
  }
  const named = addresses.flatMap(({ value }) => value ?? []);
  const unusable = named.find(
    (each) => addressIn(each) === undefined || range?.has(each) === false,
  );
  const refused = (message: string) =>
    ({ kind: "refused", reason: "AddressNotUsable", message }) as const;
  if (unusable !== undefined) {
    const where = addressIn(unusable) === undefined ? "not an IP address" : `not in ${range?.text}`;
    return refused(`"${unusable.slice(0, 64)}" is ${where}`);
  }
  const [address, second] = [...new Set(named.map(addressIn))];
  if (second !== undefined) return refused("a Gateway can have only one address");
  return address === undefined ? undefined : { kind: "placed", address };
}

/**
 * Returns an address in its one usual form, so that two are the same socket if their texts are the same. Undefined if the
 * text is not an address, or one that counts only on one interface of one machine (`fe80::1%eth0`).
 */
function addressIn(text: string): string | undefined {
  if (isIP(text) === 0 || text.includes("%")) return undefined;
  return isIP(text) === 4 ? text : usualForm(text);
}

/** The URL parser writes every IPv6 address in one form, without dots. */
function usualForm(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function allTaken({ text }: AddressRange): PlacedGateway {
  const message = `all addresses of ${text} are taken`;
  return { kind: "refused", reason: "AddressNotUsable", message };
}

function freeAddress(
  { namespace, name }: Gateway,
  range: AddressRange,
  isTaken: (address: string) => boolean,
): string | undefined {
  const hash = createHash("sha256").update(`${namespace}/${name}`).digest().readUInt32BE(0);
  for (let step = 0; step < range.size; step++) {
    const address = range.at((hash + step) % range.size);
    if (!isTaken(address)) return address;
  }
  return undefined;
}

/** The oldest first. Those without an age come last. */
function byAgeAndName(a: Gateway, b: Gateway): number {
  return (
    compareAge(a.createdAt, b.createdAt) ||
    compare(a.namespace, b.namespace) ||
    compare(a.name, b.name)
  );
}

/** The number of an address. */
function numberOf(address: string): bigint {
  if (isIP(address) === 4) {
    return address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  }
  const [head = "", tail] = usualForm(address).split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].reduce(
    (sum, group) => sum * 65_536n + BigInt(`0x${group}`),
    0n,
  );
}

function textOf(value: bigint, version: number): string {
  if (version === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".");
  }
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 65_535n).toString(16),
  );
  return usualForm(groups.join(":"));
}
