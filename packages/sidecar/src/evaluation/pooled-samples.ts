import {
  createSampleStore,
  isKept,
  type KeptShares,
  type LeftOut,
  type Sample,
  type SampleStore,
  twinOf,
} from "@umbra/shadow";
import type { Page, PageHead } from "./samples-page.ts";

/** The samples of one evaluation that peers have measured, in bounded memory. */
export interface PooledSamples {
  readonly store: SampleStore;
  /** What each peer says about the evaluation; also peers that have gone, whose samples stay. */
  readonly heads: ReadonlyMap<string, PageHead>;
  /** Peers that are there. Those that have gone have no part of a budget any more. */
  present: ReadonlySet<string>;
  /** Serial of the last sample taken from a peer; 0 for a new one. */
  cursorOf(replica: string): number;
  /** Takes a page, of which `isOwn` are samples of this evaluation. Returns its samples that are new. */
  take(replica: string, page: Page, isOwn?: (sample: Sample) => boolean): readonly Sample[];
  /** Mirrored samples that peers had dropped before they were asked for them. */
  readonly missed: LeftOut;
}

/** What is known of one peer. */
interface Source {
  readonly head: PageHead;
  /** Mirrored samples on its pages. */
  readonly seen: LeftOut;
  /** Those it has measured that were on no page, at its last page without more. */
  readonly missed: LeftOut;
}

/** Most peers whose counts are kept: pods come and go. Those heard from longest ago are removed. */
const maxReplicas = 256;
const none: LeftOut = { paired: 0, lost: 0, unsent: 0, unmeasured: 0 };

export function createPooledSamples(
  names: Pick<Sample, "route" | "candidate">,
  capacity: number,
): PooledSamples {
  const store = createSampleStore(names, capacity);
  const heads = new Map<string, PageHead>();
  const sources = new Map<string, Source>();
  /** A peer that restarts with its samples file has another name and the same samples. */
  let known = new Set<string>();

  function isNew({ id, t0 }: Sample): boolean {
    const before = known.size;
    known.add(`${id} ${t0}`);
    return known.size > before;
  }

  /** Keeps the newest `maxReplicas`. */
  function note(replica: string, source: Source): void {
    for (const map of [heads, sources]) map.delete(replica);
    heads.set(replica, source.head);
    sources.set(replica, source);
    const [oldest] = heads.keys();
    if (heads.size <= maxReplicas || oldest === undefined) return;
    for (const map of [heads, sources]) map.delete(oldest);
  }

  return {
    store,
    heads,
    present: new Set(),
    cursorOf: (replica) => heads.get(replica)?.next ?? 0,
    take(replica, page, isOwn = () => true) {
      note(replica, sourceOf(page, sources.get(replica)));
      store.thinTo(page.head.kept);
      const fresh = page.samples.filter((each) => isOwn(each) && isNew(each));
      for (const sample of fresh) store.add(sample);
      // The store keeps to its size, and never takes back what it has left out.
      if (known.size > 2 * capacity) {
        known = new Set([...store.all()].map(({ id, t0 }) => `${id} ${t0}`));
      }
      return fresh;
    },
    get missed() {
      return [...sources.values()].map(({ missed }) => missed).reduce(sumOf, none);
    },
  };
}

function sourceOf({ head, samples }: Page, before: Source | undefined): Source {
  // A page may come twice.
  const isKnown = head.next <= (before?.head.next ?? 0);
  const seen = isKnown ? (before?.seen ?? none) : sumOf(before?.seen ?? none, pairsIn(samples));
  if (head.hasMore) return { head, seen, missed: before?.missed ?? none };
  const missedOf = (outcome: keyof LeftOut) => Math.max(0, head.measured[outcome] - seen[outcome]);
  const missed = {
    ...{ paired: missedOf("paired"), lost: missedOf("lost") },
    ...{ unsent: missedOf("unsent"), unmeasured: missedOf("unmeasured") },
  };
  return { head, seen, missed };
}

function pairsIn(samples: readonly Sample[]): LeftOut {
  const counts = { ...none };
  for (const each of samples) {
    if (each.mirrored || each.shadow !== null) counts[twinOf(each)]++;
  }
  return counts;
}

/** The samples of an evaluation that are judged, and how many mirrored requests are not among them. */
export interface JudgedSamples {
  readonly samples: Iterable<Sample>;
  readonly leftOut: LeftOut;
}

/**
 * Own samples and those of peers together. If one of the stores was full, the others leave out the same
 * requests, so that what is judged is a fair part of all.
 */
export function judgedSamples(own: SampleStore, pooled: PooledSamples | undefined): JudgedSamples {
  if (pooled === undefined) return { samples: own.all(), leftOut: own.evictedPairs };
  const shares = commonShares(own.kept, pooled.store.kept);
  const samples: Sample[] = [];
  const unequal = { ...none };
  for (const store of [own, pooled.store]) {
    for (const sample of store.all()) {
      if (isKept(sample, shares)) samples.push(sample);
      else if (sample.mirrored) unequal[twinOf(sample)]++;
    }
  }
  return {
    samples,
    leftOut: [own.evictedPairs, pooled.store.evictedPairs, unequal, pooled.missed].reduce(sumOf),
  };
}

function commonShares(a: KeptShares, b: KeptShares): KeptShares {
  return { drawn: Math.max(a.drawn, b.drawn), undrawn: Math.max(a.undrawn, b.undrawn) };
}

function sumOf(a: LeftOut, b: LeftOut): LeftOut {
  return {
    paired: a.paired + b.paired,
    lost: a.lost + b.lost,
    unsent: a.unsent + b.unsent,
    unmeasured: a.unmeasured + b.unmeasured,
  };
}
