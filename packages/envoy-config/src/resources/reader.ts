import { unprintableIn } from "@umbra/shadow/printable";
import type { DiagnosticCode } from "../codes.ts";
import type { RuleRef, Severity } from "../diagnostic.ts";
import { didYouMean } from "../nearest.ts";
import { type DiagnosticExtras, inRule, type Place, type Report } from "./report.ts";
import type { Source } from "./source.ts";
import { type Field, plainValue, type ValueNode } from "./value-node.ts";

/** Maximum length of a value other than an annotation. The Gateway API's longest are header values with 4096. */
const maxLength = 4_096;

/** What a part of a resource says. */
export interface Part<T> {
  readonly value: T;
  /** True if an error was found in it: the value may be read only in part. */
  readonly isBroken: boolean;
}

/** Reads a map of a document field by field, and reports problems at their place. */
export class Reader {
  readonly #source: Source;
  readonly #node: ValueNode;
  readonly #read = new Set<string>();
  #fields: ReadonlyMap<string, Field> | undefined;

  constructor(source: Source, node: ValueNode) {
    this.#source = source;
    this.#node = node;
  }

  /** Returns the place of a field, or of the map itself. */
  place(key?: string): Place {
    const field = key === undefined ? undefined : this.#field(key);
    return (field?.value ?? field?.key ?? this.#node).place();
  }

  /** Takes some of the instructions that may be compiled. False if fewer are left. */
  takeInstructions(count: number): boolean {
    const { compiling } = this.#source;
    if (count > compiling.left) return false;
    compiling.left -= count;
    return true;
  }

  /** Returns the place of a part of the map, or of its closest existing parent. */
  placeAt(path: readonly (string | number)[]): Place {
    let node = this.#node;
    for (const part of path) {
      const next = node.child(part);
      if (next === undefined) break;
      node = next;
    }
    return node.place();
  }

  report(
    severity: Severity,
    code: DiagnosticCode,
    message: string,
    key?: string,
    extras?: DiagnosticExtras,
  ): void {
    this.#source.report(severity, code, this.place(key), message, extras);
  }

  /** Reports a wrong value of a field or of the map itself. */
  wrong(message: string, key?: string, remedy?: string): void {
    this.report("error", "UMB0104", message, key, remedy === undefined ? {} : { remedy });
  }

  /** Reports an unsupported feature. */
  unsupported(message: string, key: string, extras?: DiagnosticExtras): void {
    this.report("warning", "UMB0208", message, key, extras);
  }

  /** True if the field exists. Otherwise reports it as missing and appends `more` to the message. */
  needs(key: string, more = ""): boolean {
    const isThere = this.has(key);
    if (!isThere) this.report("error", "UMB0103", `\`${key}\` is missing${more}`);
    return isThere;
  }

  /** Returns a reader of the same map whose diagnostics refer to the rule. */
  ofRule(rule: RuleRef): Reader {
    const source = { ...this.#source, report: inRule(this.#source.report, rule) };
    return new Reader(source, this.#node);
  }

  string(key: string): string | undefined {
    const value = this.#scalar(key);
    if (typeof value === "string") return this.#sound(key, value);
    if (value === undefined) return undefined;
    return this.#mustBe(key, "a string", { remedy: `put it in quotes: "${String(value)}"` });
  }

  required(key: string): string | undefined {
    const value = this.string(key);
    if (value === undefined) this.needs(key);
    if (value === "") this.wrong(`\`${key}\` must not be empty`, key);
    return value === "" ? undefined : value;
  }

  integer(key: string, min: number, max: number): number | undefined {
    const isTaken = (value: unknown) => isWhole(value, min, max);
    return this.#amount(key, isTaken, `a whole number from ${min} to ${max}`);
  }

  number(key: string, min: number, max: number): number | undefined {
    const isTaken = (value: number) => value >= min && value <= max;
    return this.#amount(key, isTaken, `a number from ${min} to ${max}`);
  }

  boolean(key: string): boolean | undefined {
    const value = this.#scalar(key);
    if (value === undefined || typeof value === "boolean") return value;
    return this.#mustBe(key, "true or false");
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T | undefined {
    const value = this.string(key);
    const found = choices.find((choice) => choice === value);
    if (value === undefined || found !== undefined) return found;
    const { remedy = "use one of these values" } = didYouMean(value, choices);
    return this.#mustBe(key, `one of ${choices.join(", ")}`, { remedy });
  }

  map(key: string): Reader | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    return value.kind === "map" ? new Reader(this.#source, value) : this.#mustBe(key, "a map");
  }

  /** Reads the map and reports fields that `read` neither reads nor ignores. */
  whole<T>(read: (map: Reader) => T): T {
    const value = read(this);
    this.#warnUnknown();
    return value;
  }

  /** Reads a map completely; undefined if the field is absent. */
  inner<T>(key: string, read: (map: Reader) => T): T | undefined {
    return this.map(key)?.whole(read);
  }

  /** Reads a part. Its errors count only for the part, not for what contains it. */
  part<T>(read: () => T): Part<T> {
    const { faults } = this.#source;
    const before = faults.count;
    const value = read();
    const isBroken = faults.count > before;
    faults.count = before;
    return { value, isBroken };
  }

  /** Reads each map of a list completely, as a part of its own. */
  parts<T>(key: string, read: (map: Reader) => T): readonly Part<T>[] {
    return this.maps(key).map((map) => map.part(() => map.whole(read)));
  }

  /** Reads each map of a list completely, as a part of its own, and skips those with an error. */
  soundParts<T extends object>(key: string, read: (map: Reader) => T | undefined): readonly T[] {
    return this.parts(key, read).flatMap(({ value, isBroken }) => (isBroken ? [] : (value ?? [])));
  }

  /** Reads each map of a list completely, and skips those read as undefined. */
  each<T extends object>(key: string, read: (map: Reader) => T | undefined): readonly T[] {
    return this.maps(key).flatMap((map) => map.whole(read) ?? []);
  }

  /** Marks fields as known without reading them. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /** Reads the maps of a list; empty if the field is absent. */
  maps(key: string): readonly Reader[] {
    return this.#list(
      key,
      "maps",
      (item) => item.kind === "map" && [new Reader(this.#source, item)],
    );
  }

  /** Reads a list of strings. With `isText`, they may have several lines. */
  strings(key: string, { isText = false }: { readonly isText?: boolean } = {}): readonly string[] {
    return this.#list(key, "strings", (item) => {
      if (item.kind !== "scalar") return false;
      const value = String(item.value);
      const sound = isText ? value : this.#sound(key, value, item);
      return sound === undefined ? [] : [sound];
    });
  }

  /** Reads a list of whole numbers, each from `min` to `max`. */
  integers(key: string, min: number, max: number): readonly number[] {
    return this.#list(key, "whole numbers", (item) => {
      const { value } = item;
      if (isWhole(value, min, max)) return [value];
      const expected = `a list of whole numbers from ${min} to ${max}`;
      return this.#mustBe(key, expected, unquoted(value)) ?? [];
    });
  }

  /** Reads all scalar fields as text. With `isText` (labels, annotations), they may have several lines. */
  texts(
    key: string,
    { isText = false }: { readonly isText?: boolean } = {},
  ): Readonly<Record<string, string>> {
    const map = this.map(key);
    const read: [string, string][] = [];
    for (const [name, field] of map === undefined ? [] : map.#entries()) {
      if (field.value?.kind !== "scalar") continue;
      const value = String(field.value.value);
      const isSound =
        isText ||
        (this.#sound(key, name, field.key) !== undefined &&
          this.#sound(name, value, field.value) !== undefined);
      if (isSound) read.push([name, value]);
    }
    return Object.fromEntries(read);
  }

  /** Returns the places of all fields of a nested map, for later: to look one up then would keep the whole document. */
  placesIn(key: string): ReadonlyMap<string, Place> {
    const map = this.#value(key);
    const fields = map?.fields(this.#source) ?? [];
    return new Map([...fields].map(([name, { key, value }]) => [name, (value ?? key).place()]));
  }

  /** Returns a field as plain data, whatever its type. */
  jsonValue(key: string): unknown {
    const value = this.#value(key);
    return value === undefined ? undefined : plainValue(value, this.#source);
  }

  /** Returns a text with a document in it, and a source that reports problems of that document at their own place. */
  embedded(key: string): { readonly text: string; readonly source: Source } | undefined {
    const node = this.#value(key);
    if (node === undefined) return undefined;
    if (typeof node.value !== "string") return this.#mustBe(key, "a text");
    const source = this.#source;
    const report: Report = (severity, code, place, ...rest) =>
      source.report(severity, code, node.placeInside(place), ...rest);
    return { text: node.value, source: { ...source, report } };
  }

  /** Returns the map as plain data. */
  asJson(): unknown {
    return plainValue(this.#node, this.#source);
  }

  /** Returns the names of all fields. */
  keys(): readonly string[] {
    return [...this.#entries().keys()];
  }

  /** Reads a number or string as text: `targetPort` may be either. */
  scalarText(key: string): string | undefined {
    const value = this.#scalar(key);
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  }

  /** False if the document is not a map. */
  isMap(): boolean {
    return this.#node.kind === "map";
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** Reports unknown fields, with the closest known name. */
  #warnUnknown(): void {
    const known = [...this.#read];
    for (const [name, { key }] of this.#entries()) {
      if (known.includes(name)) continue;
      const message = `unknown field \`${name.slice(0, 64)}\``;
      const extras = didYouMean(name, known, "`");
      this.#source.report("warning", "UMB0105", key.place(), message, extras);
    }
  }

  #entries(): ReadonlyMap<string, Field> {
    this.#fields ??= this.#node.fields(this.#source);
    return this.#fields;
  }

  #field(key: string): Field | undefined {
    return this.#entries().get(key);
  }

  #value(key: string): ValueNode | undefined {
    this.#read.add(key);
    const value = this.#field(key)?.value;
    return value?.kind === "scalar" && value.value === null ? undefined : value;
  }

  #scalar(key: string): unknown {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    return value.kind === "scalar" ? value.value : this.#mustBe(key, "a single value");
  }

  #amount(key: string, isTaken: (value: number) => boolean, expected: string): number | undefined {
    const value = this.#scalar(key);
    if (value === undefined || (typeof value === "number" && isTaken(value))) return value;
    return this.#mustBe(key, expected, unquoted(value));
  }

  /** Reads each item with `read`. Uses `of` in the message if an item has the wrong type. */
  #list<T>(key: string, of: string, read: (item: ValueNode) => readonly T[] | false): readonly T[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    if (value.kind !== "list") return this.#mustBe(key, "a list") ?? [];
    return value.items(this.#source).flatMap((item) => {
      const found = read(item);
      return found === false ? (this.#mustBe(key, `a list of ${of}`) ?? []) : found;
    });
  }

  /** Returns the value if it contains no line breaks or terminal control characters. */
  #sound(key: string, value: string, node?: Pick<ValueNode, "place">): string | undefined {
    const place = node?.place() ?? this.place(key);
    if (value.length > maxLength) {
      const message = `\`${key.slice(0, 64)}\` is longer than ${maxLength} characters`;
      this.#source.report("error", "UMB0104", place, message, { remedy: "shorten it" });
      return undefined;
    }
    const found = unprintableIn(value);
    if (found === undefined) return value;
    this.#source.report("error", "UMB0110", place, `\`${key.slice(0, 64)}\` contains ${found}`);
    return undefined;
  }

  #mustBe(key: string, expected: string, extras?: DiagnosticExtras): undefined {
    this.report("error", "UMB0104", `\`${key}\` must be ${expected}`, key, extras);
    return undefined;
  }
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}

function unquoted(value: unknown): DiagnosticExtras {
  const isQuoted = typeof value === "string" && /^\d{1,15}$/.test(value);
  return isQuoted ? { remedy: `remove the quotes: ${value}` } : {};
}
