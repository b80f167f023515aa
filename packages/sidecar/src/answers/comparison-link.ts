import { lastPiece, maxRecordBytes, type RecordKind, recordKind } from "./byte-ring.ts";
import type { ComparedBody } from "./compared-body.ts";
import {
  type ComparedTwin,
  type ComparisonSettings,
  encoded,
  maxSettings,
} from "./comparison-messages.ts";
import { type AnswerComparison, notCompared, RequestComparison } from "./request-comparison.ts";
import type { TextPlaces } from "./text-places.ts";

/** Writes a record to the reading thread. Returns false if there is no room for it. */
export type WriteRecord = (
  number: number,
  kind: RecordKind,
  value: number,
  bytes?: Uint8Array,
) => boolean;

/** A request whose answers must be compared. */
export interface RequestToCompare {
  /** Copies what is needed of the body; undefined if that is too long. */
  readonly body: () => ComparedBody | undefined;
  /** Mirrors whose twins are compared. */
  readonly mirrors: readonly string[];
  readonly settings: ComparisonSettings;
  /** The client wants no judge to see the request. */
  readonly optsOut?: boolean;
  /** No judge will be asked: its budget is spent, or it serves a lane. */
  readonly isUnasked?: boolean;
}

/** More than the thread compares at once. */
const maxUndropped = 16_384;

/** Begins comparisons in the reading thread, and takes their results. */
export class ComparisonLink {
  readonly #write: WriteRecord;
  /** Those that are not over. Each has an entry of the table of live requests, which is bounded. */
  readonly #running = new Map<number, RequestComparison>();
  readonly #settings = new WeakMap<ComparisonSettings, number>();
  /** Those that are over, and of which the thread does not know so yet. */
  readonly #undropped = new Set<number>();
  #lastSettings = 0;
  #lastNumber = 0;

  readonly #places: TextPlaces;

  constructor(write: WriteRecord, places: TextPlaces) {
    this.#write = write;
    this.#places = places;
  }

  begin(request: RequestToCompare): AnswerComparison {
    const { mirrors, settings, optsOut, isUnasked } = request;
    const body = request.body();
    if (body === undefined) return notCompared(mirrors, "memory");
    const which = this.#settingsNumber(settings);
    if (which === undefined) return notCompared(mirrors, "time");
    const number = (this.#lastNumber + 1) | 0;
    this.#lastNumber = number;
    const { ruleBytes } = body;
    const begun = encoded({
      ...{ twins: mirrors.length, settings: which, ruleBytes },
      ...(optsOut === true ? { optsOut } : {}),
      ...(isUnasked === true ? { isUnasked } : {}),
    });
    if (!this.#write(number, recordKind.compare, 0, begun)) return notCompared(mirrors, "time");
    if (!this.#writePieces(number, recordKind.request, body.json)) {
      this.#tellDrop(number);
      return notCompared(mirrors, "time");
    }
    const comparison = new RequestComparison(mirrors, {
      number,
      onClose: (end) => this.#drop(number, end),
    });
    this.#running.set(number, comparison);
    return comparison;
  }

  take(compared: readonly ComparedTwin[]): void {
    for (const { comparison, twin, result, drawn } of compared) {
      const taken = drawn && this.#places.hold(drawn);
      const running = this.#running.get(comparison);
      if (running === undefined) taken?.release();
      else running.settle(twin, result, taken);
    }
  }

  /** Tells the thread again what it must drop. Call this every second. */
  sweep(): void {
    for (const number of this.#undropped) {
      if (!this.#write(number, recordKind.drop, 0)) return;
      this.#undropped.delete(number);
    }
  }

  /** The thread ended: what it compared has no results. */
  lose(): void {
    for (const comparison of this.#running.values()) comparison.lose();
    this.#running.clear();
    this.#undropped.clear();
  }

  #writePieces(number: number, kind: RecordKind, json: Uint8Array): boolean {
    for (let at = 0; at < json.length; at += maxRecordBytes) {
      const piece = json.subarray(at, at + maxRecordBytes);
      const value = at + maxRecordBytes >= json.length ? lastPiece : 0;
      if (!this.#write(number, kind, value, piece)) return false;
    }
    return true;
  }

  /** Of a comparison that is done, the thread holds nothing any more. */
  #drop(number: number, { isDone }: { readonly isDone: boolean }): void {
    if (this.#running.delete(number) && !isDone) this.#tellDrop(number);
  }

  /** The thread removes it after some minutes in any case. */
  #tellDrop(number: number): void {
    if (this.#write(number, recordKind.drop, 0)) return;
    if (this.#undropped.size < maxUndropped) this.#undropped.add(number);
  }

  /** Sends settings with the first request that has them, and again if the thread has dropped them for newer ones. */
  #settingsNumber(settings: ComparisonSettings): number | undefined {
    const known = this.#settings.get(settings);
    if (known !== undefined && known > this.#lastSettings - maxSettings) return known;
    // Another number after a failure, so that the thread joins no pieces of two attempts.
    const number = ++this.#lastSettings;
    if (!this.#writePieces(number, recordKind.settings, encoded(settings))) return undefined;
    this.#settings.set(settings, number);
    return number;
  }
}
