import type { SampleAgreement } from "@umbra/shadow";
import type { Answer } from "@umbra/shadow/compare";
import {
  answerInWords,
  canBeDrawn,
  conversationInWords,
  drawForJudge,
  type JudgedShares,
} from "@umbra/shadow/judge-model";
import { lastWhole } from "../capture/private-data.ts";
import { redactedPart } from "../capture/readable-text.ts";
import type { DrawnPair, JudgedTexts } from "./comparison-messages.ts";
import type { PlacesToTake } from "./text-places.ts";

/** Most characters of a conversation and of an answer that a judge may be shown. */
const maxConversation = 32_768;
const maxAnswer = 16_384;
/** More characters that redaction looks at, so that it sees whole what is cut at the edge. Longer than an address or a card. */
const beyond = 512;

interface DrawOptions {
  readonly key: string;
  readonly optsOut: boolean | undefined;
  readonly isUnasked: boolean | undefined;
}

interface DrawnAnswers {
  readonly primary: () => Answer;
  readonly other: () => Answer;
  readonly stripsReasoning: boolean;
  readonly places: PlacesToTake;
}

/**
 * Draws the pairs of one request for a judge, all of its twins by the same number: a request is judged against the
 * control too, if it is judged. Holds the end of the conversation only if the request can be drawn.
 */
export class PairDraw {
  readonly #id: string;
  readonly #shares: JudgedShares;
  readonly #options: DrawOptions;
  #conversation = "";

  constructor(number: number, shares: JudgedShares, options: DrawOptions) {
    this.#id = String(number);
    this.#shares = shares;
    this.#options = options;
  }

  /** Memory of the conversation, in bytes. */
  get heldBytes(): number {
    return 2 * this.#conversation.length;
  }

  /** `body`: as `JSON.parse` returned it. */
  readRequest(body: unknown): void {
    const { key, optsOut, isUnasked } = this.#options;
    if (optsOut === true || isUnasked === true) return;
    if (!canBeDrawn(this.#id, this.#shares, key)) return;
    const words = conversationInWords(body, maxConversation + beyond);
    // A copy: a part of a string holds all of it.
    this.#conversation = Buffer.from(words).toString();
  }

  /** Undefined if the pair is not drawn. */
  drawn(
    agreement: SampleAgreement,
    { primary, other, stripsReasoning, places }: DrawnAnswers,
  ): DrawnPair | undefined {
    const { key, optsOut, isUnasked } = this.#options;
    const draw = drawForJudge({ id: this.#id, agreement }, this.#shares, key);
    if (draw?.isDrawn !== true) return undefined;
    const { pi } = draw;
    if (optsOut === true) return { pi, optsOut };
    if (isUnasked === true) return { pi };
    const conversation = this.#conversation;
    if (conversation === "") return { pi, withheld: "unknown" };
    if (!places.take()) return { pi };
    const words = (answer: Answer) =>
      answerInWords(wholePart(answer), { maxChars: maxAnswer + beyond, stripsReasoning });
    let texts: ReturnType<typeof cleaned>;
    try {
      texts = cleaned({ conversation, primary: words(primary()), other: words(other()) });
    } finally {
      if (texts === undefined) places.giveBack();
    }
    return texts === undefined ? { pi, withheld: "secret" } : { pi, texts };
  }

  clear(): void {
    this.#conversation = "";
  }
}

/** What was read of an answer that was cut, without what may be a part of a secret. */
function wholePart(answer: Answer): Answer {
  if (answer.isCut !== true) return answer;
  const whole = (text: string) => text.slice(0, lastWhole(text));
  const { text, toolCalls = [] } = answer;
  const calls = toolCalls.map((call, i) =>
    i < toolCalls.length - 1 ? call : { ...call, arguments: whole(call.arguments) },
  );
  return { ...answer, text: whole(text), toolCalls: calls };
}

/**
 * Redacts what a judge may see; undefined if something in it must not leave the process. First redacted, then cut. Takes
 * some ms for long texts, so not in the picking thread.
 */
function cleaned(texts: JudgedTexts): JudgedTexts | undefined {
  const end = (to: number) => ({ from: Math.max(0, to - maxConversation), to });
  const start = (length: number) => ({ from: 0, to: Math.min(length, maxAnswer) });
  const conversation = redactedPart(texts.conversation, end);
  const primary = redactedPart(texts.primary, start);
  const other = redactedPart(texts.other, start);
  if (conversation.hasSecret || primary.hasSecret || other.hasSecret) return undefined;
  return { conversation: conversation.text, primary: primary.text, other: other.text };
}
