import { readRequest } from "@umbra/openai";
import type { SampleComparison } from "@umbra/shadow";
import { type AnswerDesk, createAnswerDesk } from "../src/answers/answer-desk.ts";
import { RingWriter, recordKind } from "../src/answers/byte-ring.ts";
import { comparedBody } from "../src/answers/compared-body.ts";
import { ComparisonLink } from "../src/answers/comparison-link.ts";
import {
  type ComparedLeg,
  type ComparisonSettings,
  encoded,
} from "../src/answers/comparison-messages.ts";
import type { ComparisonRates } from "../src/answers/comparison-rates.ts";
import { createInbox, judgePlacesWord, maxLegs } from "../src/answers/inbox.ts";
import { type AnswersRead, formNumber } from "../src/answers/reader-messages.ts";
import type { AnswerComparison } from "../src/answers/request-comparison.ts";
import { TextPlaces } from "../src/answers/text-places.ts";
import { createWorkShare } from "../src/answers/work-share.ts";

export const numbers: ComparisonSettings = {
  mode: "numbers",
  ...{ maxTextBytes: 65_536, maxHeldBytes: 67_108_864, stripsReasoning: true },
  ...{ hasSimilarity: true, checksSchemas: true, refusalPhrases: [] },
};

export const sketch: ComparisonSettings = { ...numbers, mode: "sketch" };

/** An event of a stream of chat completions. */
export const event = (delta: object, more: object = {}): string =>
  `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta, ...more }] })}\n\n`;

/** A stream with this text. */
export const stream = (content: string): string =>
  `${event({ content })}${event({}, { finish_reason: "stop" })}data: [DONE]\n\n`;

export interface Comparing {
  readonly desk: AnswerDesk;
  /** All that the desk has sent to the picking thread. */
  readonly messages: readonly AnswersRead[];
  begin(
    request?: object,
    twins?: number,
    settings?: ComparisonSettings,
    more?: { readonly optsOut?: boolean; readonly isUnasked?: boolean },
  ): AnswerComparison;
  /** Sets how many more pairs a judge can take. */
  setJudgeRoom(pairs: number): void;
  /** Begins an answer: of the primary, or of a mirror's twin. Returns its number. */
  open(
    comparison: AnswerComparison,
    mirror: string | undefined,
    more?: Pick<ComparedLeg, "isRefusal">,
  ): number;
  /** Begins an answer that is not compared, as all are in mode `off`. */
  openUncompared(mirror: string | undefined): number;
  write(leg: number, bytes: string | Uint8Array): void;
  end(leg: number): void;
  /** A whole answer. */
  answer(
    comparison: AnswerComparison,
    mirror: string | undefined,
    bytes: string,
    more?: Pick<ComparedLeg, "isRefusal">,
  ): void;
  work(): void;
}

const everything: ComparisonRates = {
  of: () => ({ isCompared: true, hasSimilarity: true }),
  spent: () => undefined,
};

/** The two sides of the link with the reading thread, in one thread. */
export function comparing(
  rates: ComparisonRates = everything,
  now: () => number = () => performance.now(),
): Comparing {
  const inbox = createInbox();
  const messages: AnswersRead[] = [];
  const desk = createAnswerDesk({
    ...{ inbox, rates, shadowShare: createWorkShare(1, 1e9), now },
    onRead(read) {
      messages.push(read);
      link.take(read.compared ?? []);
    },
  });
  const writers = {
    primary: new RingWriter(inbox.rings.primary, maxLegs),
    shadow: new RingWriter(inbox.rings.shadow, maxLegs),
  };
  const places = new TextPlaces(0);
  places.open(inbox);
  const link = new ComparisonLink(
    (number, kind, value, bytes) => writers.primary.write(number, kind, value, bytes),
    places,
  );
  const lanes = new Map<number, RingWriter>();
  let lastLeg = 0;
  const work = () => {
    while (desk.work());
  };
  const openLeg = (mirror: string | undefined, compared: ComparedLeg | undefined) => {
    const leg = ++lastLeg;
    const writer = writers[mirror === undefined ? "primary" : "shadow"];
    lanes.set(leg, writer);
    const form = formNumber({ isStream: true, coding: "identity" });
    const about = compared === undefined ? undefined : encoded(compared);
    writer.write(leg, recordKind.open, form, about);
    return leg;
  };
  const is: Comparing = {
    ...{ desk, messages, work },
    setJudgeRoom: (pairs) =>
      void Atomics.store(new Int32Array(inbox.control), judgePlacesWord, pairs),
    begin(request = {}, twins = 1, settings = numbers, more = {}) {
      const body = Buffer.from(JSON.stringify({ model: "m", ...request }));
      const read = readRequest(body);
      if (!read.ok) throw new Error(read.code);
      const mirrors = Array.from({ length: twins }, (_, i) => `mirror-${i}`);
      return link.begin({
        body: () => comparedBody(body, read.fields),
        mirrors,
        settings,
        ...more,
      });
    },
    open(comparison, mirror, more) {
      const leg = comparison.legOf(mirror);
      return openLeg(mirror, leg && { ...leg, ...more });
    },
    openUncompared: (mirror) => openLeg(mirror, undefined),
    write(leg, bytes) {
      const all = Buffer.from(bytes);
      for (let at = 0; at < all.length; at += 8_192) {
        lanes.get(leg)?.write(leg, recordKind.data, 0, all.subarray(at, at + 8_192));
        work();
      }
    },
    end(leg) {
      lanes.get(leg)?.write(leg, recordKind.end, 0);
      lanes.delete(leg);
    },
    answer(comparison, mirror, bytes, more) {
      const leg = is.open(comparison, mirror, more);
      is.write(leg, bytes);
      is.end(leg);
    },
  };
  return is;
}

/** Compares two streams; undefined if nothing came. */
export function compared(
  primary: string,
  shadow: string,
  request: object = {},
): SampleComparison | undefined {
  const is = comparing();
  const comparison = is.begin(request);
  is.answer(comparison, undefined, primary);
  is.answer(comparison, "mirror-0", shadow);
  is.work();
  return comparison.outcomeOf("mirror-0");
}
