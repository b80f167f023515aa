/** Where a request comes from, as W3C Trace Context says it. */
export interface TraceContext {
  /** 32 hex digits, not all 0. */
  readonly traceId: string;
  /** 16 hex digits, not all 0. */
  readonly spanId: string;
  /** 8 bits; the lowest says that the trace is kept. */
  readonly flags: number;
  /** The vendors' own words, passed on as they are. */
  readonly state: string | undefined;
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const zeros = /^0+$/;
/** What vendors must at least pass on. */
const maxStateLength = 512;
const maxStateMembers = 32;
const statePattern =
  /^[ \t]*(?:[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256})?[ \t]*$/;

/** Reads the two headers; undefined where `traceparent` is none: the trace then begins here. */
export function readTraceContext(
  traceparent: string | undefined,
  tracestate: string | undefined,
): TraceContext | undefined {
  if (traceparent === undefined || traceparent.length > maxStateLength) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = pattern.exec(traceparent) ?? [];
  // Later versions may say more behind what is known; this one may not.
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) {
    return undefined;
  }
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16), state: soundState(tracestate) };
}

/** A state that breaks the rules is left out whole; the trace goes on without it. */
function soundState(text: string | undefined): string | undefined {
  if (text === undefined || text === "" || text.length > maxStateLength) return undefined;
  const members = text.split(",");
  if (members.length > maxStateMembers) return undefined;
  return members.every((member) => statePattern.test(member)) ? text : undefined;
}

/** The header that makes the next one a child of `spanId`. */
export function traceparentOf({
  traceId,
  spanId,
  flags,
}: Pick<TraceContext, "traceId" | "spanId" | "flags">): string {
  return `00-${traceId}-${spanId}-${(flags & 1).toString(16).padStart(2, "0")}`;
}
