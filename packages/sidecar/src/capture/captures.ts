import type { Leg } from "@umbra/shadow";
import type { RequestObserver } from "../decision/request-observer.ts";
import { pseudonym } from "../mirror/keyed-hash.ts";
import { type CaptureStoreOptions, openCaptureStore } from "./capture-store.ts";
import { readableText } from "./readable-text.ts";

/** Keeps the texts of the pairs that differ most. Only used with the option `--capture`. */
export interface Captures extends RequestObserver<CapturedRequest> {
  /** Starts to hold the texts of a request. `body` is the primary's. Undefined if too many are held. */
  hold(body: Uint8Array): Texts | undefined;
  /** Number of captures on disk. */
  readonly count: number;
  expire(): void;
}

export interface CapturedRequest {
  /** The mirror's controller. */
  gateOf(mirror: string): { readonly route: string } | undefined;
  /** Held until the first pair of the request, or until its end. */
  texts: Texts | undefined;
}

export interface CapturesOptions extends CaptureStoreOptions {
  /** Key of hashes that leave this process. */
  readonly secret: string;
}

/** Maximum size of one request or answer; the rest is cut off. */
const maxTextBytes = 65_536;
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

  answerOf(mirror: string | undefined): string {
    return Buffer.concat(this.#answers.get(mirror)?.pieces ?? []).toString("utf8");
  }
}

export function createCaptures(options: CapturesOptions): Captures {
  const store = openCaptureStore(options);
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
      store.offer(scoreOf(primary, shadow), () => ({
        id: pseudonym(options.secret, requestId),
        at: new Date().toISOString(),
        route: request.gateOf(mirror)?.route ?? "",
        candidate: shadow.pool,
        why: whyOf(primary, shadow),
        request: readableText(texts.request.toString("utf8")),
        primary: { class: primary.class, answer: readableText(texts.answerOf(undefined)) },
        shadow: { class: shadow.class, answer: readableText(texts.answerOf(mirror)) },
      }));
    },
    over: release,
    get count() {
      return store.count;
    },
    expire: () => store.expire(),
  };
}

/** Scores how much a pair differs: by its classes first, then by its times. */
function scoreOf(primary: Leg, shadow: Leg): number {
  if (primary.class !== shadow.class) return 1_000;
  const ratio = (shadow.e2eMs ?? 0) / (primary.e2eMs ?? 0);
  return ratio > 0 && Number.isFinite(ratio) ? Math.abs(Math.log(ratio)) : 0;
}

function whyOf(primary: Leg, shadow: Leg): string {
  if (primary.class !== shadow.class)
    return `${primary.class} (primary) and ${shadow.class} (shadow)`;
  return `E2E ${primary.e2eMs?.toFixed(0) ?? "?"} ms (primary) and ${shadow.e2eMs?.toFixed(0) ?? "?"} ms (shadow)`;
}
