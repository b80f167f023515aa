import type { Headers } from "@umbra/ext-proc";

/** Returns the value of one of `controlHeaders`. */
type ControlHeader = readonly [name: string, alias?: string];

export function controlHeader(headers: Headers, [name, alias]: ControlHeader): string | undefined {
  return headers.get(name) ?? (alias === undefined ? undefined : headers.get(alias));
}

/** One day: a longer time is not a useful target. */
const longestMs = 86_400_000;

/** Returns a target time of the client, in ms; undefined if it is missing or invalid. */
export function wantedMs(headers: Headers, header: ControlHeader): number | undefined {
  const text = controlHeader(headers, header);
  if (text === undefined || text.length > 16 || text.trim() === "") return undefined;
  const ms = Number(text);
  return ms >= 0 && ms <= longestMs ? ms : undefined;
}
