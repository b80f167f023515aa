import type { Leg, SampleComparison } from "@umbra/shadow";
import type { RequestObserver } from "../decision/request-observer.ts";
import { pseudonym } from "../mirror/keyed-hash.ts";
import { type CaptureSink, maxTextBytes } from "./capture-sink.ts";

/** Keeps the texts of the pairs that say the most different things. Only used with the option `--capture`. */
export interface Captures extends RequestObserver<CapturedRequest> {
  /** Starts to hold the texts of a request. `body` is the primary's. Undefined if too many are held. */
  hold(body: Uint8Array): Texts | undefined;
  /** Number of captures on disk. */
  readonly count: number;
  expire(): void;
  /** Waits until captures are stored, for some seconds at most. */
  close(): Promise<void>;
}

export interface CapturedRequest {
  /** The mirror's controller. */
  gateOf(mirror: string): { readonly route: string } | undefined;
  /** What the answers of a pair say; undefined if they are not compared. */
  comparisonOf?(mirror: string): SampleComparison | undefined;
  /** Held until the first pair of the request, or until its end. */
  texts: Texts | undefined;
}

export interface CapturesOptions {
  /** Key of hashes that leave this process. */
  readonly secret: string;
  /** Redacts and stores them. */
  readonly sink: CaptureSink;
}

/** Maximum twins of one request whose answers are kept. */
const maxTwins = 4;
/** Maximum requests whose texts are held until they are paired. */
const maxHeld = 512;

/** Texts of one request and its answers. */
export class Texts {
  readonly request: Buffer;
  /** By lane, each with its own limit, so that a long answer leaves room for the other lanes. */
  readonly #answers = new Map<string | undefined, { readonly pieces: Buffer[]; bytes: number }>();

  constructor(body: Uint8Array) {
    // Copied, because the body is a view of a large message.
    this.request = Buffer.from(body.subarray(0, maxTextBytes));
  }

  /** Adds a piece of an answer. `mirror` is given for a twin's answer. */
  add(mirror: string | undefined, chunk: Uint8Array): void {
    const answer = this.#answers.get(mirror) ?? { pieces: [], bytes: 0 };
    const piece = chunk.subarray(0, maxTextBytes - answer.bytes);
    if (piece.length === 0 || (answer.bytes === 0 && this.#isFull(mirror))) return;
    this.#answers.set(mirror, answer);
    answer.bytes += piece.length;
    answer.pieces.push(Buffer.from(piece));
  }

  #isFull(mirror: string | undefined): boolean {
    return (
      mirror !== undefined && this.#answers.size >= maxTwins + Number(this.#answers.has(undefined))
    );
  }

  answerOf(mirror: string | undefined): Buffer {
    return Buffer.concat(this.#answers.get(mirror)?.pieces ?? []);
  }
}

export function createCaptures({ secret, sink }: CapturesOptions): Captures {
  let held = 0;
  function release(request: CapturedRequest): Texts | undefined {
    const { texts } = request;
    if (texts !== undefined) held--;
    request.texts = undefined;
    return texts;
  }
  return {
    hold(body) {
      if (held >= maxHeld) return undefined;
      held++;
      return new Texts(body);
    },
    paired({ requestId, primary, shadow }, mirror, request) {
      const texts = release(request);
      if (texts === undefined) return;
      const found = request.comparisonOf?.(mirror);
      sink.offer(scoreOf(primary, shadow, found), () => ({
        id: pseudonym(secret, requestId),
        at: new Date().toISOString(),
        route: request.gateOf(mirror)?.route ?? "",
        candidate: shadow.pool,
        why: whyOf(primary, shadow, found),
        request: Uint8Array.from(texts.request),
        primary: { class: primary.class, answer: Uint8Array.from(texts.answerOf(undefined)) },
        shadow: { class: shadow.class, answer: Uint8Array.from(texts.answerOf(mirror)) },
      }));
    },
    over: release,
    get count() {
      return sink.count;
    },
    expire: () => sink.expire(),
    close: () => sink.close(),
  };
}

/** Scores how much a pair differs: by its classes first, then by what the answers say, then by their times. */
function scoreOf(primary: Leg, shadow: Leg, found: SampleComparison | undefined): number {
  if (primary.class !== shadow.class) return 1_000;
  const ratio = (shadow.e2eMs ?? 0) / (primary.e2eMs ?? 0);
  const times = ratio > 0 && Number.isFinite(ratio) ? Math.abs(Math.log(ratio)) : 0;
  // Differences of texts count in steps of a thousandth, which no difference of times makes up for.
  return 100 * difference(found) + times / 1_000;
}

/** 0 (the same, or not known) to 1. Answers with the same text may differ in their tool calls. */
function difference(found: SampleComparison | undefined): number {
  const { sim = null, toolF1 = null } = found?.agreement ?? {};
  return Math.max(sim === null ? 0 : 1 - sim, toolF1 === null ? 0 : 1 - toolF1);
}

function whyOf(primary: Leg, shadow: Leg, found: SampleComparison | undefined): string {
  if (primary.class !== shadow.class)
    return `${primary.class} (primary) and ${shadow.class} (shadow)`;
  const { sim = null, toolF1 = null } = found?.agreement ?? {};
  if (toolF1 !== null && toolF1 < 1) return `tool calls agree to ${toolF1} (F1)`;
  if (sim !== null && sim < 1) return `texts are similar to ${sim} (chrF)`;
  return `E2E ${primary.e2eMs?.toFixed(0) ?? "?"} ms (primary) and ${shadow.e2eMs?.toFixed(0) ?? "?"} ms (shadow)`;
}
