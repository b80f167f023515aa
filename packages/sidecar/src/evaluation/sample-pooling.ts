import { createHash } from "node:crypto";
import { configHash, type Sample } from "@umbra/shadow";
import { countOutcome, type Evaluation, hasBegunBy } from "./one-evaluation.ts";
import { createPooledSamples } from "./pooled-samples.ts";
import { pageOf, parsePage } from "./samples-page.ts";
import type { EvaluationSetup, WantedPage } from "./worker-messages.ts";

/** Gives the samples of running evaluations to peers, and takes theirs while this one judges for all. */
export interface SamplePooling {
  /** Returns own samples after a serial as a page of NDJSON; undefined if no such evaluation runs. */
  page(evaluation: string, after: number): string | undefined;
  /** Returns what to ask a peer for next. */
  wanted(replica: string): readonly WantedPage[];
  /** Takes a page of a peer. Returns whether there is more, or `invalid`. */
  take(replica: string, evaluation: string, page: string): "more" | "end" | "invalid";
  /** A peer judges: what was taken is dropped. */
  stop(): void;
  /** Tells which peers are there, besides those that give a page from now on, and for how many samples are missing. */
  setPeers(present: readonly string[], missing: number): void;
  /** Words for the report; empty if nothing is missing. */
  readonly missing: readonly string[];
}

export interface SamplePoolingOptions {
  /** Most samples of peers that an evaluation keeps. */
  readonly capacity: number;
  readonly onStart: (evaluation: Evaluation, t0: number) => void;
}

/** Uses the evaluations that run at each call. */
export function createSamplePooling(
  running: ReadonlyMap<string, Evaluation>,
  { capacity, onStart }: SamplePoolingOptions,
): SamplePooling {
  const idOf = createIds();
  let missing: readonly string[] = [];
  let present: ReadonlySet<string> = new Set();
  const find = (id: string) => [...running.values()].find((each) => idOf(each) === id);

  return {
    page(id, after) {
      const evaluation = find(id);
      return evaluation === undefined ? undefined : pageOf(evaluation.store, after, evaluation.now);
    },
    wanted: (replica) =>
      [...running.values()].map((evaluation) => ({
        evaluation: idOf(evaluation),
        after: evaluation.pooled?.cursorOf(replica) ?? 0,
      })),
    take(replica, id, text) {
      const evaluation = find(id);
      const page = parsePage(text);
      if (page === undefined) return "invalid";
      // It was closed while the page was on its way.
      if (evaluation === undefined) return "end";
      const { setup } = evaluation;
      evaluation.pooled ??= createPooledSamples(setup, capacity);
      present = new Set(present).add(replica);
      evaluation.pooled.present = present;
      const isOwn = ({ route, candidate, t0 }: Sample) =>
        route === setup.route && candidate === setup.candidate && hasBegunBy(evaluation, t0);
      const fresh = evaluation.pooled.take(replica, page, isOwn);
      for (const sample of fresh) countOutcome(evaluation, sample);
      const first = fresh.reduce((least, { t0 }) => Math.min(least, t0), Number.POSITIVE_INFINITY);
      onStart(evaluation, first);
      return page.head.hasMore ? "more" : "end";
    },
    stop() {
      missing = [];
      present = new Set();
      for (const evaluation of running.values()) {
        const { pooled } = evaluation;
        evaluation.pooled = undefined;
        if (pooled === undefined) continue;
        for (const { mirrored } of pooled.store.all()) if (mirrored) evaluation.outcomes--;
      }
    },
    setPeers(names, replicas) {
      present = new Set(names);
      for (const { pooled } of running.values()) if (pooled !== undefined) pooled.present = present;
      const words = replicas === 1 ? "1 peer are" : `${replicas} peers are`;
      missing = replicas === 0 ? [] : [`samples of ${words} missing`];
    },
    get missing() {
      return missing;
    },
  };
}

/** Returns a function that names what an evaluation compares and how it is judged, the same in all processes. */
function createIds(): (evaluation: Evaluation) => string {
  const ids = new WeakMap<EvaluationSetup, string>();
  return ({ setup }) => {
    let id = ids.get(setup);
    if (id === undefined) {
      const { key, subject, config } = setup;
      const text = JSON.stringify([key, subject ?? "", configHash(config)]);
      id = createHash("sha256").update(text).digest("hex");
      ids.set(setup, id);
    }
    return id;
  };
}
