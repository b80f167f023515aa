import {
  type FunnelCounts,
  type KeptShares,
  type LeftOut,
  parseKeptShares,
  parseSample,
  type Sample,
  type SampleStore,
} from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import type { EvaluationNow } from "./worker-messages.ts";

/** What a peer says about one of its evaluations, the first line of a page of samples. */
export interface PageHead {
  /** Serial of the page's last sample: where the next page begins. */
  readonly next: number;
  readonly hasMore: boolean;
  /** Below 1 of 1, the peer has dropped samples because its memory was full. */
  readonly kept: KeptShares;
  /** Mirrored samples that the peer has measured, also those that it has dropped. */
  readonly measured: LeftOut;
  readonly counts: PageCounts;
}

export interface Page {
  readonly head: PageHead;
  readonly samples: readonly Sample[];
}

/** What only the peer that picked knows. */
export interface PageCounts {
  readonly funnel: FunnelCounts;
  /** Requests of the primary pools and of the shadow pool. */
  readonly requests: { readonly primary: number; readonly shadow: number };
  readonly peakPerSecond?: number;
  /** In ms since the epoch. */
  readonly startedAtMs?: number;
  readonly isBudgetSpent: boolean;
  readonly captured: number;
}

/** About 350 KB. */
const maxPageSamples = 512;
/** Longest page that is read, in characters. */
const maxPageLength = 4_194_304;
const maxLineLength = 65_536;

/** Writes the samples after a serial as a page of NDJSON. The head is its first line. */
export function pageOf(store: SampleStore, after: number, now: EvaluationNow | undefined): string {
  const lines: string[] = [];
  let next = after;
  let hasMore = false;
  for (const { serial, sample } of store.after(after)) {
    if (lines.length === maxPageSamples) {
      hasMore = true;
      break;
    }
    lines.push(JSON.stringify(sample));
    next = serial;
  }
  const head: PageHead = {
    ...{ next, hasMore, kept: store.kept, measured: store.addedPairs },
    counts: countsOf(now),
  };
  return `${[JSON.stringify({ v: 1, page: head }), ...lines].join("\n")}\n`;
}

function countsOf(now: EvaluationNow | undefined): PageCounts {
  const { counts = noCounts, baseline, candidate, peakPerSecond, startedAtMs } = now ?? {};
  return {
    funnel: counts,
    requests: {
      primary: baseline?.load?.requests ?? 0,
      shadow: candidate?.load?.requests ?? 0,
    },
    ...defined({ peakPerSecond, startedAtMs }),
    isBudgetSpent: now?.isBudgetSpent ?? false,
    captured: now?.captured ?? 0,
  };
}

const noCounts: FunnelCounts = { eligible: 0, sampled: 0, dispatched: 0, dropped: {} };

/** Parses a page of a peer; undefined if its head is not valid. Lines that are no samples are left out. */
export function parsePage(text: string): Page | undefined {
  if (text.length > maxPageLength) return undefined;
  const [first = "", ...lines] = text.split("\n", maxPageSamples + 1);
  const head = parseHead(first);
  if (head === undefined) return undefined;
  const samples = lines.flatMap((line) => {
    const read = line.length === 0 || line.length > maxLineLength ? undefined : parseSample(line);
    return read?.ok === true ? [read.sample] : [];
  });
  return { head, samples };
}

type Json = Readonly<Record<string, unknown>>;

function parseHead(line: string): PageHead | undefined {
  const page = objectOf(objectOf(parsed(line))?.page);
  const next = countOf(page?.next);
  const kept = parseKeptShares(page?.kept);
  if (page === undefined || next === undefined || kept === undefined) return undefined;
  const measured = objectOf(page.measured) ?? {};
  const of = (name: keyof LeftOut) => countOf(measured[name]) ?? 0;
  return {
    ...{ next, hasMore: page.hasMore === true, kept },
    measured: {
      ...{ paired: of("paired"), lost: of("lost") },
      ...{ unsent: of("unsent"), unmeasured: of("unmeasured") },
    },
    counts: parseCounts(objectOf(page.counts) ?? {}),
  };
}

function parseCounts(json: Json): PageCounts {
  const requests = objectOf(json.requests) ?? {};
  const peakPerSecond = numberOf(json.peakPerSecond);
  const startedAtMs = numberOf(json.startedAtMs);
  return {
    funnel: parseFunnel(objectOf(json.funnel) ?? {}),
    requests: { primary: countOf(requests.primary) ?? 0, shadow: countOf(requests.shadow) ?? 0 },
    ...defined({ peakPerSecond, startedAtMs }),
    isBudgetSpent: json.isBudgetSpent === true,
    captured: countOf(json.captured) ?? 0,
  };
}

function parseFunnel(json: Json): FunnelCounts {
  return {
    eligible: countOf(json.eligible) ?? 0,
    sampled: countOf(json.sampled) ?? 0,
    dispatched: countOf(json.dispatched) ?? 0,
    dropped: parseReasons(json.dropped),
    not_eligible: parseReasons(json.not_eligible),
  };
}

/** Most reasons of one kind; there are about ten. */
const maxReasons = 32;

function parseReasons(json: unknown): Readonly<Record<string, number>> {
  const entries = Object.entries(objectOf(json) ?? {}).slice(0, maxReasons);
  return Object.fromEntries(
    entries.flatMap(([reason, value]) => {
      const count = /^[a-z_]{1,32}$/.test(reason) ? countOf(value) : undefined;
      return count === undefined ? [] : [[reason, count]];
    }),
  );
}

function parsed(line: string): unknown {
  try {
    return line.length > maxLineLength ? undefined : JSON.parse(line);
  } catch {
    return undefined;
  }
}

function objectOf(json: unknown): Json | undefined {
  return typeof json === "object" && json !== null && !Array.isArray(json)
    ? (json as Json)
    : undefined;
}

function countOf(json: unknown): number | undefined {
  return Number.isSafeInteger(json) && (json as number) >= 0 ? (json as number) : undefined;
}

function numberOf(json: unknown): number | undefined {
  return typeof json === "number" && Number.isFinite(json) && json >= 0 ? json : undefined;
}
