import { isIP } from "node:net";
import { unusableAddress } from "./endpoint-address.ts";

export type EndpointList =
  | { readonly ok: true; readonly endpoints: readonly string[] }
  | { readonly ok: false; readonly message: string };

const maxEndpoints = 10_000;

/** Parses `ip:port,ip:port`, with IPv6 addresses in brackets. The result is sorted and has no duplicates. */
export function parseEndpointList(text: string): EndpointList {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > maxEndpoints)
    return { ok: false, message: `more than ${maxEndpoints} endpoints` };
  for (const part of parts) {
    const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(part);
    const [, v6, v4, port] = found ?? [];
    const isAddress = v6 === undefined ? isIP(v4 ?? "") === 4 : isIP(v6) === 6;
    const number = Number(port);
    if (!isAddress || number < 1 || number > 65_535) {
      return {
        ok: false,
        message: `"${part}" is not ip:port, such as 10.0.0.1:8000 or [2001:db8::1]:8000`,
      };
    }
    const why = unusableAddress(v6 ?? v4 ?? "", number);
    if (why !== undefined)
      return { ok: false, message: `${part} can't be a model server: it is ${why}` };
  }
  return { ok: true, endpoints: [...new Set(parts)].toSorted() };
}
