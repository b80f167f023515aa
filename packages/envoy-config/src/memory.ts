import {
  copyBounds,
  laneBufferBytes,
  mirrorsByBudget,
  shadowPieceBytes,
  streamWindowBytes,
} from "./copy-bounds.ts";
import type { EnvoySettings } from "./envoy-settings.ts";
import { poolsByName, sharesGate } from "./queries.ts";
import type { Topology } from "./topology.ts";

/** One bound: so many things at once, of so many bytes each at most. */
export interface MemoryBound {
  readonly of: "envoy" | "sidecar";
  readonly what: string;
  readonly times: number;
  /** Of one. */
  readonly bytes: number;
  /** What sets it; "" where it is fixed. */
  readonly setBy: string;
}

const MiB = 1024 ** 2;

/** Share of `maxHeap` that copies and records may take: the rest is for clients, and is bounded by the overload manager. */
export const copiesShareOfHeap = 0.5;

/** Bounds of the sidecar that no setting changes. */
export interface SidecarBounds {
  /** Compressed request bodies that are decoded at once. */
  readonly decodedAtOnce: number;
  /** Compressed request bodies that wait to be decoded, together. */
  readonly compressedBytes: number;
  /** Bodies that wait for a turn, in the queues of all pools together. */
  readonly queuedBytes: number;
  /** Answers that are measured at once. */
  readonly measuredAnswers: number;
}

export const sidecarBounds: SidecarBounds = {
  decodedAtOnce: 2,
  compressedBytes: 64 * MiB,
  queuedBytes: 256 * MiB,
  measuredAnswers: 8_192,
};

/** An estimate: every endpoint is asked for its page on its own, and few answer with the longest at the same time. */
const pagesAtOnce = 32;

/** Every bound of memory that the configuration or the code sets, Envoy's first. */
export function memoryBounds(topology: Topology): readonly MemoryBound[] {
  return [...envoyBounds(topology), ...sidecarParts(topology), heldPart(topology)];
}

/** Bytes of requests that the sidecar may hold until they are decided on: what its other parts leave. */
export function heldRequestBytes(topology: Topology): number {
  const { sidecarMemoryBytes } = topology.envoy.settings;
  const left = sidecarMemoryBytes - sum(sidecarParts(topology));
  return Math.max(0, Math.floor(left / heldCopies));
}

/** Whether any request comes to the sidecar: to be picked for, or to be observed. */
export function isSidecarUsed({ pools, mirrors }: Topology): boolean {
  return mirrors.length > 0 || pools.some(({ picker }) => picker === "umbra");
}

/** The least that the sidecar must be able to hold: one request with the longest body, and another that comes beside it. */
export function leastHeldBytes({ maxBodyBytes, maxHeaderBytes }: EnvoySettings): number {
  return 2 * (maxBodyBytes + maxHeaderBytes);
}

/** What the bounds take together, in bytes. */
export function sum(bounds: readonly MemoryBound[]): number {
  return bounds.reduce((total, { times, bytes }) => total + times * bytes, 0);
}

/** A body is there in pieces and as a whole, or as it came and as it was changed. */
const heldCopies = 2;

function heldPart(topology: Topology): MemoryBound {
  return {
    of: "sidecar",
    what: "requests that are held, with their headers: as they came and whole",
    times: heldCopies,
    bytes: heldRequestBytes(topology),
    setBy: "what is left of sidecarMemory",
  };
}

function envoyBounds(topology: Topology): readonly MemoryBound[] {
  const bounds = copyBounds(topology);
  const pools = poolsByName(topology);
  const answerBytes = laneBufferBytes(topology) + 2 * shadowPieceBytes;
  return mirrorsByBudget(topology).flatMap(([mirror, ...more]): readonly MemoryBound[] => {
    const bound = bounds.get(mirror.name);
    if (bound === undefined) return [];
    const { copies } = bound;
    const bodyBytes = [mirror, ...more].reduce(
      (most, { name }) => Math.max(most, bounds.get(name)?.bodyBytes ?? 0),
      0,
    );
    const name = more.length === 0 ? mirror.name : `${mirror.name} and ${more.length} more`;
    // The lane holds the body while the sidecar is sent it.
    const hops =
      pools.get(mirror.pool)?.picker === "umbra" && mirror.pickMode !== "headers" ? 2 : 1;
    const setBy =
      mirror.policy === undefined
        ? "maxShadowRequests, maxShadowBody, maxBody"
        : "maxShadowRequests; the ShadowPolicy's budget: maxInFlight, maxBodyBytes";
    const of = { of: "envoy", times: copies } as const;
    return [
      { ...of, what: `${name}: bodies of copies`, bytes: hops * bodyBytes, setBy },
      { ...of, what: `${name}: answers to copies`, bytes: answerBytes, setBy },
      {
        ...of,
        what: `${name}: answers on their way to the recorder`,
        bytes: streamWindowBytes.shadow + streamWindowBytes.primary,
        setBy,
      },
    ];
  });
}

function sidecarParts({ envoy: { settings }, pools, mirrors }: Topology): readonly MemoryBound[] {
  const scraped = new Set(
    pools.flatMap(({ picker, endpoints }) => (picker === "umbra" ? endpoints : [])),
  );
  const evaluations = mirrors.filter(
    (mirror, i) => mirrors.findIndex((each) => sharesGate(each, mirror)) === i,
  );
  const part = (what: string, times: number, bytes: number, setBy = ""): MemoryBound => ({
    ...{ of: "sidecar", what, times, bytes, setBy },
  });
  return [
    part("the process itself", 1, 256 * MiB),
    part("requests under way", 65_536, 2_048),
    part(
      "compressed bodies that are decoded",
      sidecarBounds.decodedAtOnce,
      2 * settings.maxBodyBytes,
      "maxBody",
    ),
    part("compressed bodies that wait", 1, sidecarBounds.compressedBytes),
    part("bodies in queues", 1, sidecarBounds.queuedBytes),
    part("answers that are measured: what waits to be read", 1, 12 * MiB),
    part("answers that are measured: what of a lane's is not read yet", 2, 64 * MiB),
    part("the thread that reads answers", 1, 512 * MiB),
    part("texts that are captured", 512, 384 * 1024, "--capture"),
    part("samples of an evaluation", evaluations.length, 32 * MiB),
    part(
      "metrics pages that come at once (estimated)",
      Math.min(scraped.size, pagesAtOnce),
      4 * MiB,
      scraped.size < pagesAtOnce ? "the number of endpoints" : "",
    ),
  ];
}
