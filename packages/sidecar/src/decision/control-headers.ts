import type { Headers } from "@umbra/ext-proc";

/** One of `controlHeaders`. */
type ControlHeader = readonly [name: string, alias?: string];

export function controlHeader(headers: Headers, [name, alias]: ControlHeader): string | undefined {
  return headers.get(name) ?? (alias === undefined ? undefined : headers.get(alias));
}

/** A day: what is longer is no objective. */
const longestMs = 86_400_000;

/** A time that the client wants kept, in ms; undefined where it names none that makes sense. */
export function wantedMs(headers: Headers, header: ControlHeader): number | undefined {
  const text = controlHeader(headers, header);
  if (text === undefined || text.length > 16 || text.trim() === "") return undefined;
  const ms = Number(text);
  return ms >= 0 && ms <= longestMs ? ms : undefined;
}
