import type { EnvoySettings } from "./envoy-settings.ts";
import { onceFor } from "./once-for.ts";
import { poolsByName, sharesGate } from "./queries.ts";
import { groupByResource } from "./resource-map.ts";
import type { Topology } from "./topology.ts";
import {
  laneBufferBytes,
  mirrorsByBudget,
  shadowPieceBytes,
  streamWindowBytes,
  twinLimits,
} from "./twin-limits.ts";

/** A memory limit: a maximum number of items and a maximum size of each. */
export interface MemoryLimit {
  readonly of: "envoy" | "sidecar";
  readonly what: string;
  readonly times: number;
  /** Size of one item. */
  readonly bytes: number;
  /** The setting that determines it; "" if it is fixed. */
  readonly setBy: string;
}

const MiB = 1024 ** 2;

/** Share of `maxHeap` that twins and recorded data may use. The rest is for clients, limited by the overload manager. */
export const copiesShareOfHeap = 0.5;

/** Fixed limits of the sidecar. */
export interface SidecarBounds {
  /** Maximum compressed request bodies that are decoded at the same time. */
  readonly decodedAtOnce: number;
  /** Total bytes of compressed request bodies that wait to be decoded. */
  readonly compressedBytes: number;
  /** Total bytes of bodies in the queues of all pools. */
  readonly queuedBytes: number;
  /** Maximum answers that are measured at the same time. */
  readonly measuredAnswers: number;
}

export const sidecarBounds: SidecarBounds = {
  decodedAtOnce: 2,
  compressedBytes: 64 * MiB,
  queuedBytes: 256 * MiB,
  measuredAnswers: 8_192,
};

/** An estimate: endpoints are scraped independently, and few return a page of maximum size at the same time. */
const pagesAtOnce = 32;

/** Returns every memory limit from the configuration or the code, Envoy's first. */
export function memoryLimits(topology: Topology): readonly MemoryLimit[] {
  return [...envoyBounds(topology), ...sidecarParts(topology), heldPart(topology)];
}

/** Bytes of undecided requests that the sidecar may hold: what its other parts leave. */
export function heldRequestBytes(topology: Topology): number {
  const { sidecarMemoryBytes } = topology.envoy.settings;
  const left = sidecarMemoryBytes - sum(sidecarParts(topology));
  return Math.max(0, Math.floor(left / heldCopies));
}

/** True if the sidecar picks for or observes any request. */
export function isSidecarUsed({ pools, mirrors }: Topology): boolean {
  return mirrors.length > 0 || pools.some(({ picker }) => picker === "umbra");
}

/** The minimum that the sidecar must be able to hold: two requests with the longest body. */
export function leastHeldBytes({ maxBodyBytes, maxHeaderBytes }: EnvoySettings): number {
  return 2 * (maxBodyBytes + maxHeaderBytes);
}

/** Sums the limits, in bytes. */
export function sum(bounds: readonly MemoryLimit[]): number {
  return bounds.reduce((total, { times, bytes }) => total + times * bytes, 0);
}

/** A body is held twice: in pieces and as a whole, or original and changed. */
const heldCopies = 2;

function heldPart(topology: Topology): MemoryLimit {
  return {
    of: "sidecar",
    what: "held requests with headers (pieces and whole body)",
    times: heldCopies,
    bytes: heldRequestBytes(topology),
    setBy: "the rest of sidecarMemory",
  };
}

function envoyBounds(topology: Topology): readonly MemoryLimit[] {
  const bounds = twinLimits(topology);
  const pools = poolsByName(topology);
  const answerBytes = laneBufferBytes(topology) + 2 * shadowPieceBytes;
  return mirrorsByBudget(topology).flatMap(([mirror, ...more]): readonly MemoryLimit[] => {
    const bound = bounds.get(mirror.name);
    if (bound === undefined) return [];
    const { maxTwins } = bound;
    const bodyBytes = [mirror, ...more].reduce(
      (most, { name }) => Math.max(most, bounds.get(name)?.bodyBytes ?? 0),
      0,
    );
    const name = more.length === 0 ? mirror.name : `${mirror.name} and ${more.length} more`;
    // The lane holds the body while it is sent to the sidecar.
    const hops =
      pools.get(mirror.pool)?.picker === "umbra" && mirror.pickMode !== "headers" ? 2 : 1;
    const setBy =
      mirror.policy === undefined
        ? "maxShadowRequests, maxShadowBody, maxBody"
        : "maxShadowRequests; the ShadowPolicy's budget: maxInFlight, maxBodyBytes";
    const of = { of: "envoy", times: maxTwins } as const;
    return [
      { ...of, what: `${name}: bodies of twins`, bytes: hops * bodyBytes, setBy },
      { ...of, what: `${name}: answers to twins`, bytes: answerBytes, setBy },
      {
        ...of,
        what: `${name}: answers for the recorder`,
        bytes: streamWindowBytes.shadow + streamWindowBytes.primary,
        setBy,
      },
    ];
  });
}

const sidecarParts = onceFor(({ envoy: { settings }, pools, mirrors }: Topology) => {
  const scraped = new Set(
    pools.flatMap(({ picker, endpoints }) => (picker === "umbra" ? endpoints : [])),
  );
  const evaluations = [...groupByResource(mirrors, ({ origin }) => origin.route).values()].flatMap(
    (ofRoute) =>
      ofRoute.filter((mirror, i) => ofRoute.findIndex((each) => sharesGate(each, mirror)) === i),
  );
  const part = (what: string, times: number, bytes: number, setBy = ""): MemoryLimit => ({
    ...{ of: "sidecar", what, times, bytes, setBy },
  });
  return [
    part("the process itself", 1, 256 * MiB),
    part("running requests", 65_536, 2_048),
    part(
      "compressed bodies being decoded",
      sidecarBounds.decodedAtOnce,
      2 * settings.maxBodyBytes,
      "maxBody",
    ),
    part("compressed bodies waiting", 1, sidecarBounds.compressedBytes),
    part("bodies in queues", 1, sidecarBounds.queuedBytes),
    part("measured answers: data waiting to be read", 1, 12 * MiB),
    part("measured answers: unread data of a lane", 2, 64 * MiB),
    part("the thread that reads answers", 1, 512 * MiB),
    part("the thread that follows the configuration", 1, 1_024 * MiB),
    part("captured texts", 512, 384 * 1024, "--capture"),
    part("samples of an evaluation", evaluations.length, 32 * MiB),
    part(
      "concurrent metrics pages (estimated)",
      Math.min(scraped.size, pagesAtOnce),
      4 * MiB,
      scraped.size < pagesAtOnce ? "the number of endpoints" : "",
    ),
  ];
});
