import type { Leg, RecorderObserver } from "@umbra/shadow";
import { pseudonym } from "../mirror/keyed-hash.ts";
import { type CaptureStoreOptions, openCaptureStore } from "./capture-store.ts";
import { redact } from "./redact.ts";

/** Keeps the texts of the pairs that differ most, where somebody has asked for it by name of option. */
export interface Captures extends RecorderObserver {
  /** The request as the primary got it. */
  request(requestId: string, body: Uint8Array): void;
  /** A piece of an answer. `mirror`: empty for the primary. */
  answer(requestId: string, mirror: string, chunk: Uint8Array): void;
  /** Captures on disk. */
  readonly count: number;
  expire(): void;
}

export interface CapturesOptions extends CaptureStoreOptions {
  /** Of hashes that leave this process. */
  readonly secret: string;
  /** The HTTPRoute of a mirror. */
  readonly routeOf: (mirror: string) => string | undefined;
}

/** Of one request or answer; the rest is cut off. */
const maxTextBytes = 65_536;
/** Requests whose texts are held until they are paired. */
const maxHeld = 512;

interface Texts {
  request: Buffer;
  readonly answers: Map<string, Buffer[]>;
  bytes: number;
}

export function createCaptures(options: CapturesOptions): Captures {
  const store = openCaptureStore(options);
  const held = new Map<string, Texts>();
  return {
    request(requestId, body) {
      if (held.size >= maxHeld) {
        const oldest = held.keys().next();
        if (!oldest.done) held.delete(oldest.value);
      }
      // A copy: the body is a view of a large message.
      const request = Buffer.from(body.subarray(0, maxTextBytes));
      held.set(requestId, { request, answers: new Map(), bytes: 0 });
    },
    answer(requestId, mirror, chunk) {
      const texts = held.get(requestId);
      if (texts === undefined || texts.bytes + chunk.length > 4 * maxTextBytes) return;
      texts.bytes += chunk.length;
      const pieces = texts.answers.get(mirror) ?? [];
      pieces.push(Buffer.from(chunk));
      texts.answers.set(mirror, pieces);
    },
    paired(pair, mirror) {
      const texts = held.get(pair.requestId);
      if (texts === undefined) return;
      held.delete(pair.requestId);
      const answerOf = (name: string) =>
        redact(
          Buffer.concat(texts.answers.get(name) ?? [])
            .subarray(0, maxTextBytes)
            .toString("utf8"),
        );
      const { primary, shadow } = pair;
      store.offer(scoreOf(primary, shadow), () => ({
        id: pseudonym(options.secret, pair.requestId),
        at: new Date().toISOString(),
        route: options.routeOf(mirror) ?? "",
        candidate: shadow.pool,
        why: whyOf(primary, shadow),
        request: redact(texts.request.toString("utf8")),
        primary: { class: primary.class, answer: answerOf("") },
        shadow: { class: shadow.class, answer: answerOf(mirror) },
      }));
    },
    get count() {
      return store.count;
    },
    expire: () => store.expire(),
  };
}

/** How much a pair differs: by its classes first, then by its times. */
function scoreOf(primary: Leg, shadow: Leg): number {
  if (primary.class !== shadow.class) return 1_000;
  const ratio = (shadow.e2eMs ?? 0) / (primary.e2eMs ?? 0);
  return ratio > 0 && Number.isFinite(ratio) ? Math.abs(Math.log(ratio)) : 0;
}

function whyOf(primary: Leg, shadow: Leg): string {
  if (primary.class !== shadow.class) return `${primary.class} against ${shadow.class}`;
  return `E2E ${primary.e2eMs?.toFixed(0) ?? "?"} ms against ${shadow.e2eMs?.toFixed(0) ?? "?"} ms`;
}
