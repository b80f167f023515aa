import type { SkipReason } from "@umbra/shadow";

/** How much may be held. */
export interface HeldLimit {
  readonly maxHeldBytes: number;
}

/** Something whose memory is counted, and that can be given up. */
export interface HeldPart {
  /** Parts with the same settings are counted together. */
  readonly settings: HeldLimit;
  readonly heldBytes: number;
  /** Memory as of the last count. */
  countedBytes: number;
  skipped: SkipReason | undefined;
  /** Releases its memory. */
  clear(): void;
}

/** Counts the memory of the answers that are compared: of all, and of those with the same settings. */
export class HeldAnswers<Part extends HeldPart> {
  /** In the order in which they were added. */
  readonly #parts = new Set<Part>();
  readonly #groups = new Map<HeldLimit, Group<Part>>();
  /** The largest limit of all parts. */
  #limit = 0;
  bytes = 0;

  /** True if parts with these settings hold more than they allow, or all parts hold more than the largest limit. */
  isOver(settings: HeldLimit): boolean {
    const own = this.#groups.get(settings)?.bytes ?? 0;
    return own > settings.maxHeldBytes || this.bytes > this.#limit;
  }

  add(part: Part): void {
    const group = this.#groups.get(part.settings) ?? { bytes: 0, size: 0, order: [] };
    this.#groups.set(part.settings, group);
    this.#limit = Math.max(this.#limit, part.settings.maxHeldBytes);
    this.#parts.add(part);
    group.size++;
    if (group.order.length > 2 * group.size + 64) {
      group.order = group.order.filter((each) => this.#parts.has(each));
    }
    group.order.push(part);
  }

  /** Counts a part again. */
  update(part: Part): void {
    const bytes = this.#parts.has(part) ? part.heldBytes : 0;
    const more = bytes - part.countedBytes;
    this.bytes += more;
    const group = this.#groups.get(part.settings);
    if (group !== undefined) group.bytes += more;
    part.countedBytes = bytes;
  }

  remove(part: Part): void {
    part.clear();
    const group = this.#groups.get(part.settings);
    if (this.#parts.delete(part) && group !== undefined) group.size--;
    this.update(part);
    if (group?.size !== 0) return;
    this.#groups.delete(part.settings);
    this.#limit = Math.max(0, ...[...this.#groups.keys()].map((each) => each.maxHeldBytes));
  }

  /** Gives up the newest part with these settings that holds memory. Returns false if there is none. */
  skipNewest(settings: HeldLimit): boolean {
    const order = this.#groups.get(settings)?.order ?? [];
    const newest = order.findLastIndex((part) => part.countedBytes > 0);
    const part = order[newest];
    if (part === undefined) return false;
    order.splice(newest, 1);
    part.skipped ??= "memory";
    part.clear();
    this.update(part);
    return true;
  }
}

interface Group<Part> {
  bytes: number;
  /** Number of parts that were not removed. */
  size: number;
  /** From the oldest to the newest; may have parts that were removed. */
  order: Part[];
}
