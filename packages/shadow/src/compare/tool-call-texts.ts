import { maxToolCalls } from "./answer-check.ts";
import type { AnswerRoom } from "./answer-room.ts";
import { HeldText } from "./held-text.ts";
import type { ToolCall } from "./tool-calls.ts";

/** Estimated memory of a tool call next to its texts, in bytes. */
const callBytes = 64;

/** Collects the pieces of tool calls, at most `maxToolCalls` of them. What is not kept is left to the answer's room. */
export class ToolCallTexts {
  readonly #room: AnswerRoom;
  readonly #calls = new Map<number, TextsOfCall>();
  /** Estimated memory, in bytes. */
  heldBytes = 0;

  constructor(room: AnswerRoom) {
    this.#room = room;
  }

  add(index: number, piece: string, part: keyof TextsOfCall): void {
    const call = this.#calls.get(index) ?? this.#newCall(index);
    if (call === undefined) {
      this.#room.leave(index, piece);
      return;
    }
    const text = call[part];
    const before = text.heldBytes;
    text.add(this.#room.take(index, piece));
    this.heldBytes += text.heldBytes - before;
  }

  calls(): readonly ToolCall[] {
    return [...this.#calls.values()].map(({ name, args }) => ({
      ...{ name: name.text(), arguments: args.text() },
    }));
  }

  /** Overwrites and removes what was collected. */
  clear(): void {
    for (const { name, args } of this.#calls.values()) {
      name.clear();
      args.clear();
    }
    this.#calls.clear();
    this.heldBytes = 0;
  }

  /** Undefined if the call is not kept. */
  #newCall(index: number): TextsOfCall | undefined {
    if (this.#calls.size >= maxToolCalls || this.#room.isFull) return undefined;
    const call = { name: new HeldText(), args: new HeldText() };
    this.#calls.set(index, call);
    this.heldBytes += callBytes;
    return call;
  }
}

interface TextsOfCall {
  readonly name: HeldText;
  readonly args: HeldText;
}
