import type {
  EvaluationConfig,
  FunnelCounts,
  LaneFacts,
  Sample,
  ShadowReport,
} from "@umbra/shadow";
import type { Section } from "@umbra/shadow/html";

/** One candidate of one route, which the worker evaluates. */
export interface EvaluationSetup {
  readonly key: string;
  readonly route: string;
  readonly candidate: string;
  readonly role: "candidate" | "control";
  /** Key of the control's evaluation, if the route has one. */
  readonly controlKey: string | undefined;
  readonly config: EvaluationConfig;
  /** What is compared, as text: an evaluation on disk with another subject is not continued. */
  readonly subject?: string;
  /** Requests sent from then on belong to it, in ms since the epoch; all when absent. */
  readonly fromMs?: number;
}

export interface WorkerSetup {
  readonly evaluations: readonly EvaluationSetup[];
  /** NDJSON file for samples, which is also read after a crash. */
  readonly samplesFile: string | undefined;
  /** Maximum samples kept per evaluation. */
  readonly capacity: number;
  /** Time between two interim analyses, in ms. */
  readonly evaluateEveryMs: number;
}

/** The result of an analysis. */
export interface Analysis {
  readonly reports: readonly ShadowReport[];
  /** Sections of each report by its `evaluation.id`; empty while no page is open. */
  readonly pages: ReadonlyMap<string, readonly Section[]>;
}

/** Current data of an evaluation that only the other thread has. */
export interface EvaluationNow {
  /** Time of this data, in ms since the epoch; by default the time of receipt. */
  readonly atMs?: number;
  readonly counts: FunnelCounts;
  readonly loadRatio: number | undefined;
  readonly peakPerSecond?: number | undefined;
  /** Dispatch of the first mirrored request, in ms since the epoch. */
  readonly startedAtMs?: number | undefined;
  readonly isBudgetSpent: boolean;
  readonly percent: number;
  readonly by: "request" | "session";
  readonly baseline: LaneFacts;
  readonly candidate: LaneFacts;
  /** `namespace/name` of the ShadowPolicy. */
  readonly policy: string | null;
  /** Of an API server's object. */
  readonly policyGeneration?: number | undefined;
  readonly captured: number;
  readonly limitsHit: readonly string[];
}

export type ToWorker =
  | {
      readonly kind: "samples";
      readonly samples: readonly { readonly key: string; readonly sample: Sample }[];
      readonly now: Readonly<Record<string, EvaluationNow>>;
    }
  /** Begins an evaluation. One with the same key is closed; `last`: its final data. */
  | { readonly kind: "begin"; readonly setup: EvaluationSetup; readonly last?: EvaluationNow }
  /** Closes an evaluation whose mirror is gone. */
  | {
      readonly kind: "end";
      readonly key: string;
      readonly atMs: number;
      readonly last?: EvaluationNow;
    }
  | { readonly kind: "look"; readonly id: number }
  /** Enables or disables pages with each analysis. Enabling starts an analysis immediately. */
  | { readonly kind: "watch"; readonly isWatched: boolean }
  /** Asks about samples that peers exchange. Answered by `answer` with the same id. */
  | { readonly kind: "ask"; readonly id: number; readonly about: PoolingCall }
  | { readonly kind: "close" };

/** A page of samples to ask a peer for. */
export interface WantedPage {
  /** Names what is compared and how it is judged: only samples of equal evaluations may be judged together. */
  readonly evaluation: string;
  /** Serial of the last sample that is known. */
  readonly after: number;
}

/** A call of `SamplePooling`. */
export type PoolingCall =
  | { readonly call: "page"; readonly evaluation: string; readonly after: number }
  | { readonly call: "wanted"; readonly replica: string }
  | {
      readonly call: "take";
      readonly replica: string;
      readonly evaluation: string;
      readonly page: string;
    }
  | { readonly call: "stop" }
  | { readonly call: "setPeers"; readonly present: readonly string[]; readonly missing: number };

/** What each call returns. */
export interface PoolingAnswers {
  readonly page: string | undefined;
  readonly wanted: readonly WantedPage[];
  readonly take: "more" | "end" | "invalid";
  readonly stop: undefined;
  readonly setPeers: undefined;
}

export interface Trouble {
  readonly text: string;
  /** True if something could not be written. */
  readonly isStorage: boolean;
}

export type FromWorker =
  | { readonly kind: "look"; readonly id: number | undefined; readonly look: Analysis }
  /** The last reports of closed evaluations have changed. Newest first. */
  | { readonly kind: "closedReports"; readonly reports: readonly ShadowReport[] }
  /** A batch of samples was stored: the next one may be sent. */
  | { readonly kind: "taken" }
  | ({ readonly kind: "trouble" } & Trouble)
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "closed" };
