import type { SkipReason } from "@umbra/shadow";

/** Something whose memory is counted, and that can be given up. */
export interface HeldPart {
  readonly heldBytes: number;
  /** Memory as of the last count. */
  countedBytes: number;
  skipped: SkipReason | undefined;
  /** Releases its memory. */
  clear(): void;
}

/** Counts the memory of the answers that are compared. */
export class HeldAnswers<Part extends HeldPart> {
  /** In the order in which they were added. */
  readonly #parts = new Set<Part>();
  /** From the oldest to the newest; may have parts that were removed. */
  #order: Part[] = [];
  bytes = 0;

  add(part: Part): void {
    this.#parts.add(part);
    if (this.#order.length > 2 * this.#parts.size + 64) {
      this.#order = this.#order.filter((each) => this.#parts.has(each));
    }
    this.#order.push(part);
  }

  /** Counts a part again. */
  update(part: Part): void {
    const bytes = this.#parts.has(part) ? part.heldBytes : 0;
    this.bytes += bytes - part.countedBytes;
    part.countedBytes = bytes;
  }

  remove(part: Part): void {
    part.clear();
    this.#parts.delete(part);
    this.update(part);
  }

  /** Gives up the newest part that holds memory. Returns false if there is none. */
  skipNewest(): boolean {
    const newest = this.#order.findLastIndex((part) => part.countedBytes > 0);
    const part = this.#order[newest];
    if (part === undefined) return false;
    this.#order.splice(newest, 1);
    part.skipped ??= "memory";
    part.clear();
    this.update(part);
    return true;
  }
}
