import type { JudgedShares } from "@umbra/shadow/judge-model";

/** Most settings that the reading thread keeps: the newest ones. */
export const maxSettings = 64;

/** How answers are compared. Sent to the reading thread with the first request that has them. */
export interface ComparisonSettings {
  /** `numbers`: by their texts; `sketch`: by sketches that are made as they stream, and have no text. */
  readonly mode: "numbers" | "sketch";
  /** Bytes of text that are looked at of each answer. */
  readonly maxTextBytes: number;
  /** Bytes that all answers together may take. */
  readonly maxHeldBytes: number;
  /** Whether a leading `<think>…</think>` is removed. */
  readonly stripsReasoning: boolean;
  readonly hasSimilarity: boolean;
  /** Whether answers are checked against the schemas of their requests. */
  readonly checksSchemas: boolean;
  /** Whether log probabilities of tokens are held and compared; true when absent. */
  readonly keepsLogprobs?: boolean;
  readonly refusalPhrases: readonly string[];
  /** Lower-case name of an answer's header that marks a refusal; undefined: none does. */
  readonly refusalHeader?: string;
  /** Shares of the pairs to draw for a judge model; undefined: there is none. */
  readonly judged?: JudgedShares;
}

/** Begins the comparison of a request's answers. */
export interface BegunComparison {
  /** Number of twins. */
  readonly twins: number;
  /** Number of the settings on this link. */
  readonly settings: number;
  /** Bytes of the tools and the schema in the request's body. */
  readonly ruleBytes: number;
  /** The client wants no judge to see the request. */
  readonly optsOut?: boolean;
  /** No judge will be asked, so texts stay in the thread. */
  readonly isUnasked?: boolean;
}

/** Tells which answer of a compared request a leg is. */
export interface ComparedLeg {
  /** The comparison's number on the link. */
  readonly comparison: number;
  /** Index of the twin; undefined for the primary. */
  readonly twin?: number;
  /** Its headers say that it is a refusal. */
  readonly isRefusal?: boolean;
}

/** The result for one twin: numbers and names, and texts only of a pair that was drawn for a judge. */
export interface ComparedTwin {
  readonly comparison: number;
  readonly twin: number;
  /** A `SampleComparison` as JSON: the picking thread reads it in half the time that it takes to clone an object. */
  readonly result: string;
  readonly drawn?: DrawnPair;
}

/** A pair that was drawn for a judge. */
export interface DrawnPair {
  /** Probability with which such a pair is drawn. */
  readonly pi: number;
  readonly optsOut?: boolean;
  /** Why no judge may see it: a card number or a key is in its texts, or the conversation is not known. */
  readonly withheld?: "secret" | "unknown";
  /** Redacted. Undefined if the client opts out, they are withheld, no judge is asked, or too many pairs wait. */
  readonly texts?: JudgedTexts;
}

/** What a judge gets to see, each of bounded length. */
export interface JudgedTexts {
  readonly conversation: string;
  readonly primary: string;
  /** The shadow's answer, or the control's. */
  readonly other: string;
}

/** Encodes a message for a record. */
export function encoded(message: ComparisonSettings | BegunComparison | ComparedLeg): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

/** Decodes a record's message, which the other side of the link has encoded. */
export function parseRecord<Message>(bytes: Uint8Array): Message {
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as Message;
}
