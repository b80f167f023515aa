import {
  type AnswerForm,
  type AnswerMeasures,
  type AnswerReader,
  createFormReader,
  unreadAnswer,
} from "@umbra/openai/answers";
import type { Lane } from "@umbra/shadow";
import { lastPiece, RingReader, type RingRecord, recordKind } from "./byte-ring.ts";
import { ComparisonDesk } from "./comparison-desk.ts";
import {
  type BegunComparison,
  type ComparedLeg,
  type ComparedTwin,
  type ComparisonSettings,
  parseRecord,
} from "./comparison-messages.ts";
import { type ComparisonRates, createComparisonRates } from "./comparison-rates.ts";
import type { Inbox } from "./inbox.ts";
import { type AnswersRead, formOf } from "./reader-messages.ts";
import { placesToTake } from "./text-places.ts";
import type { WorkShare } from "./work-share.ts";

/** Reads the answers from an inbox. Independent of threads. */
export interface AnswerDesk {
  /** Reads some of the records, the primary's first. Returns false if there was nothing to read. */
  work(): boolean;
  /** True while answers are running or unread. */
  readonly isWaiting: boolean;
  /** Memory of the answers that wait for their comparison, in bytes. */
  readonly comparedBytes: number;
  /** Number of comparisons that are not over. */
  readonly comparisons: number;
}

export interface AnswerDeskOptions {
  readonly inbox: Inbox;
  /** Time budget for the shadow's answers. */
  readonly shadowShare: WorkShare;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onRead: (read: AnswersRead) => void;
  /** Memory limit for unfinished lines and bodies of one lane, in bytes; 64 MiB when absent. */
  readonly maxHeldBytes?: number;
  /** Time budget for comparing answers; a fifth of a core when absent. */
  readonly rates?: ComparisonRates;
}

/**
 * Number of records to read from the primary before the shadow gets a turn, and the reverse. Few for the shadow:
 * compressed records take long, and the primary's ring fills up in the meantime.
 */
const recordsPerTurn = { primary: 512, shadow: 1 } as const;

export function createAnswerDesk(options: AnswerDeskOptions): AnswerDesk {
  return new Desk(options);
}

interface Leg {
  /** Undefined after the answer was given up. */
  reader: AnswerReader | undefined;
  heldBytes: number;
  /** The measurements so far, if it is given up. */
  measures: AnswerMeasures;
  /** Undefined if it is not compared. */
  readonly compared: ComparedLeg | undefined;
}

class Desk implements AnswerDesk {
  readonly #options: AnswerDeskOptions;
  readonly #rings: Readonly<Record<Lane, RingReader>>;
  readonly #legs: Readonly<Record<Lane, Map<number, Leg>>> = {
    primary: new Map(),
    shadow: new Map(),
  };
  readonly #heldBytes: Record<Lane, number> = { primary: 0, shadow: 0 };
  readonly #maxHeldBytes: number;
  #ended: AnswersRead["ended"][number][] = [];
  #givenUp: number[] = [];
  readonly #comparisons: ComparisonDesk;
  #compared: ComparedTwin[] = [];
  /** Settings of which more pieces come. */
  #settings: { readonly number: number; readonly pieces: readonly Buffer[] } = {
    ...{ number: 0, pieces: [] },
  };

  constructor(options: AnswerDeskOptions) {
    const { primary, shadow } = options.inbox.rings;
    const { now, rates = createComparisonRates({ share: 0.2, now, seed: randomSeed() }) } = options;
    this.#options = options;
    this.#comparisons = new ComparisonDesk({
      ...{ rates, now },
      onCompared: (compared) => this.#compared.push(compared),
      places: placesToTake(options.inbox),
    });
    this.#rings = { primary: new RingReader(primary), shadow: new RingReader(shadow) };
    this.#maxHeldBytes = options.maxHeldBytes ?? 64 * 1024 * 1024;
  }

  get isWaiting(): boolean {
    const { primary, shadow } = this.#legs;
    if (primary.size > 0 || shadow.size > 0) return true;
    return !this.#rings.primary.isEmpty || !this.#rings.shadow.isEmpty;
  }

  get comparedBytes(): number {
    return this.#comparisons.heldBytes;
  }

  get comparisons(): number {
    return this.#comparisons.size;
  }

  work(): boolean {
    this.#comparisons.dropOld();
    let hasWorked = this.#read("primary");
    if (!this.#rings.shadow.isEmpty) hasWorked = this.#readShadow() || hasWorked;
    if (this.#ended.length > 0 || this.#givenUp.length > 0) this.#tell();
    return hasWorked;
  }

  #readShadow(): boolean {
    const { shadowShare, now } = this.#options;
    const startedMs = now();
    if (!shadowShare.hasRoom(startedMs)) return false;
    this.#read("shadow");
    shadowShare.spent(now() - startedMs);
    return true;
  }

  #read(lane: Lane): boolean {
    const ring = this.#rings[lane];
    for (let i = 0; i < recordsPerTurn[lane]; i++) {
      const record = ring.read();
      if (record === undefined) return i > 0;
      this.#take(lane, record);
    }
    return true;
  }

  #take(lane: Lane, { kind, leg, atMs, bytes }: RingRecord): void {
    switch (kind) {
      case recordKind.open:
        this.#open(lane, leg, formOf(atMs), bytes);
        break;
      case recordKind.data:
        this.#push(lane, leg, bytes, atMs);
        break;
      case recordKind.end:
        this.#end(lane, leg);
        break;
      case recordKind.settings:
        this.#addSettings(leg, bytes, atMs === lastPiece);
        break;
      case recordKind.compare:
        this.#comparisons.begin(leg, parseRecord<BegunComparison>(bytes));
        break;
      case recordKind.request:
        this.#comparisons.addRequest(leg, bytes, { isLast: atMs === lastPiece });
        break;
      case recordKind.drop:
        this.#comparisons.drop(leg);
        break;
      case recordKind.skip:
        break;
    }
  }

  /** The pieces of one number come one after the other, unless the ring had no room for the rest. */
  #addSettings(number: number, piece: Uint8Array, isLast: boolean): void {
    const { number: last, pieces } = this.#settings;
    const all = [...(number === last ? pieces : []), Buffer.from(piece)];
    this.#settings = { number, pieces: isLast ? [] : all };
    if (!isLast) return;
    this.#comparisons.addSettings(number, parseRecord<ComparisonSettings>(Buffer.concat(all)));
  }

  #open(lane: Lane, leg: number, form: AnswerForm, bytes: Uint8Array): void {
    const compared = bytes.length === 0 ? undefined : parseRecord<ComparedLeg>(bytes);
    const onJson = compared === undefined ? undefined : this.#comparisons.collect(compared);
    const reader = createFormReader(form, onJson);
    this.#legs[lane].set(leg, { reader, heldBytes: 0, measures: unreadAnswer, compared });
  }

  #push(lane: Lane, number: number, bytes: Uint8Array, atMs: number): void {
    const leg = this.#legs[lane].get(number);
    const reader = leg?.reader;
    if (leg === undefined || reader === undefined) return;
    const isRead = contained(() => reader.push(bytes, atMs));
    this.#hold(lane, leg, reader.heldBytes());
    if (isRead && !reader.isGivenUp() && this.#heldBytes[lane] <= this.#maxHeldBytes) return;
    this.#finish(lane, leg, true);
    this.#givenUp.push(number);
  }

  #end(lane: Lane, number: number): void {
    const legs = this.#legs[lane];
    const leg = legs.get(number);
    legs.delete(number);
    if (leg !== undefined) {
      this.#finish(lane, leg, false);
      this.#compare(leg);
    }
    this.#ended.push({ leg: number, measures: leg?.measures ?? unreadAnswer });
  }

  #compare({ compared, measures }: Leg): void {
    if (compared === undefined) return;
    const { isGivenUp, isMalformed, hasError } = measures;
    const isUsable = !isGivenUp && !isMalformed && !hasError;
    this.#comparisons.end(compared, isUsable ? "usable" : "failed");
  }

  #finish(lane: Lane, leg: Leg, isGivenUp: boolean): void {
    const { reader } = leg;
    if (reader === undefined) return;
    contained(() => {
      const measures = reader.end();
      leg.measures = isGivenUp ? { ...measures, isGivenUp } : measures;
    });
    leg.reader = undefined;
    this.#hold(lane, leg, 0);
  }

  #hold(lane: Lane, leg: Leg, bytes: number): void {
    this.#heldBytes[lane] += bytes - leg.heldBytes;
    leg.heldBytes = bytes;
  }

  #tell(): void {
    const [ended, givenUp, compared] = [this.#ended, this.#givenUp, this.#compared];
    this.#options.onRead({ ended, givenUp, ...(compared.length === 0 ? {} : { compared }) });
    this.#compared = [];
    this.#ended = [];
    this.#givenUp = [];
  }
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

/** Returns false if `read` throws: an error in one answer must not affect others, so that answer counts as not read. */
function contained(run: () => void): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}
