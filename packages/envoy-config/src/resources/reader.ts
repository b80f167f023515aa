import { unprintableIn } from "@umbra/shadow/printable";
import { isCollection, isMap, isNode, isScalar, isSeq, type Node } from "yaml";
import type { DiagnosticCode } from "../codes.ts";
import type { RuleRef, Severity } from "../diagnostic.ts";
import { didYouMean } from "../nearest.ts";
import { type DiagnosticExtras, inRule, type Place, type Report } from "./report.ts";
import {
  canRead,
  type Field,
  fieldsOf,
  placeOf,
  plainValue,
  resolved,
  type Source,
} from "./source.ts";

/** Of a single value that is no annotation; the Gateway API's longest are header values of 4096. */
const maxLength = 4_096;

/** A map of a YAML document, read field by field; what is wrong is reported where it stands. */
export class Reader {
  readonly #source: Source;
  readonly #node: Node;
  readonly #read = new Set<string>();
  #fields: ReadonlyMap<string, Field> | undefined;

  constructor(source: Source, node: Node) {
    this.#source = source;
    this.#node = node;
  }

  /** Where a field stands, or the map itself. */
  place(key?: string): Place {
    const field = key === undefined ? undefined : this.#field(key);
    return this.#placeOf(field?.value ?? field?.key ?? this.#node);
  }

  /** Where a part of the map stands, or the nearest around it that is there. */
  placeAt(path: readonly (string | number)[]): Place {
    let node = this.#node;
    for (const part of path) {
      const next: unknown = isCollection(node) ? node.get(part, true) : undefined;
      if (!isNode(next)) break;
      node = next;
    }
    return this.#placeOf(node);
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

  /** Reports a wrong value: of a field, or of the map itself. */
  wrong(message: string, key?: string, remedy?: string): void {
    this.report("error", "UMB0104", message, key, remedy === undefined ? {} : { remedy });
  }

  /** Reports what Umbra does not do. */
  unsupported(message: string, key: string, extras?: DiagnosticExtras): void {
    this.report("warning", "UMB0208", message, key, extras);
  }

  /** True where the field is there; else it is reported, with what `more` adds to the message. */
  needs(key: string, more = ""): boolean {
    const isThere = this.has(key);
    if (!isThere) this.report("error", "UMB0103", `\`${key}\` is missing${more}`);
    return isThere;
  }

  /** The same map: what is reported of it, and of all within it, was found in the rule. */
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
    const { remedy = "take one of them" } = didYouMean(value, choices);
    return this.#mustBe(key, `one of ${choices.join(", ")}`, { remedy });
  }

  map(key: string): Reader | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    return isMap(value) ? new Reader(this.#source, value) : this.#mustBe(key, "a map");
  }

  /** Reads the map: of its fields those alone are known that `read` asks for, or ignores. */
  whole<T>(read: (map: Reader) => T): T {
    const value = read(this);
    this.#warnUnknown();
    return value;
  }

  /** Reads all of a map; undefined when the field is absent. */
  inner<T>(key: string, read: (map: Reader) => T): T | undefined {
    return this.map(key)?.whole(read);
  }

  /** Reads all of each map of a list; what is read as undefined is left out. */
  each<T extends object>(key: string, read: (map: Reader) => T | undefined): readonly T[] {
    return this.maps(key).flatMap((map) => map.whole(read) ?? []);
  }

  /** Fields that are known, and not read. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /** The maps of a list; empty when the field is absent. */
  maps(key: string): readonly Reader[] {
    return this.#list(key, "maps", (item) => isMap(item) && [new Reader(this.#source, item)]);
  }

  /** With `isText` the strings may have several lines. */
  strings(key: string, { isText = false }: { readonly isText?: boolean } = {}): readonly string[] {
    return this.#list(key, "strings", (item) => {
      if (!isScalar(item)) return false;
      const value = String(item.value);
      const sound = isText ? value : this.#sound(key, value, item);
      return sound === undefined ? [] : [sound];
    });
  }

  /** The whole numbers of a list, each from `min` to `max`. */
  integers(key: string, min: number, max: number): readonly number[] {
    return this.#list(key, "whole numbers", (item) => {
      const value = isScalar(item) ? item.value : undefined;
      if (isWhole(value, min, max)) return [value];
      const expected = `a list of whole numbers from ${min} to ${max}`;
      return this.#mustBe(key, expected, unquoted(value)) ?? [];
    });
  }

  /** All fields that are scalars, as text. With `isText` (labels, annotations) they may have several lines. */
  texts(
    key: string,
    { isText = false }: { readonly isText?: boolean } = {},
  ): Readonly<Record<string, string>> {
    const map = this.map(key);
    const read: [string, string][] = [];
    for (const [name, field] of map === undefined ? [] : map.#entries()) {
      if (!isScalar(field.value)) continue;
      const value = String(field.value.value);
      const isSound =
        isText ||
        (this.#sound(key, name, field.key) !== undefined &&
          this.#sound(name, value, field.value) !== undefined);
      if (isSound) read.push([name, value]);
    }
    return Object.fromEntries(read);
  }

  /** Where a field of a map stands; undefined where there is no such thing. */
  placeIn(key: string, name: string): Place | undefined {
    const map = this.#value(key);
    const field = isMap(map) ? new Reader(this.#source, map).#field(name) : undefined;
    return field === undefined ? undefined : this.#placeOf(field.value ?? field.key);
  }

  /** A field as plain data, whatever is in it. */
  jsonValue(key: string): unknown {
    const value = this.#value(key);
    return value === undefined ? undefined : plainValue(value, this.#source);
  }

  /** A text that is read as a document of its own, and as what of the file: what is wrong is reported at its own line. */
  embedded(key: string): { readonly text: string; readonly source: Source } | undefined {
    const node = this.#value(key);
    if (node === undefined) return undefined;
    if (!isScalar(node) || typeof node.value !== "string") return this.#mustBe(key, "a text");
    const source = this.#source;
    const { line, column } = this.#placeOf(node);
    const isBlock = node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED";
    const [start = 0] = node.range ?? [];
    const [, spaces = ""] = /\n( *)[^\s]/.exec(source.text.slice(start)) ?? [];
    const [lines, columns] = isBlock ? [line, spaces.length] : [line - 1, column];
    const report: Report = (...[severity, code, place, message, extras]) => {
      const { endColumn } = place;
      const moved = { line: place.line + lines, column: place.column + columns };
      const end = endColumn === undefined ? {} : { endColumn: endColumn + columns };
      source.report(severity, code, { ...place, ...moved, ...end }, message, extras);
    };
    return { text: node.value, source: { ...source, report } };
  }

  /** The map itself as plain data. */
  asJson(): unknown {
    return plainValue(this.#node, this.#source);
  }

  /** Names of the fields that are there. */
  keys(): readonly string[] {
    return [...this.#entries().keys()];
  }

  /** A number or string, as text: `targetPort` may be either. */
  scalarText(key: string): string | undefined {
    const value = this.#scalar(key);
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  }

  /** False where the document is something else. */
  isMap(): boolean {
    return isMap(this.#node);
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  #placeOf(node: Node): Place {
    return placeOf(node, this.#source);
  }

  /** Warns of fields that nothing reads, with the name that was perhaps meant. */
  #warnUnknown(): void {
    const known = [...this.#read];
    for (const [name, { key }] of this.#entries()) {
      if (known.includes(name)) continue;
      const message = `\`${name.slice(0, 64)}\` is not known here`;
      const extras = didYouMean(name, known, "`");
      this.#source.report("warning", "UMB0105", this.#placeOf(key), message, extras);
    }
  }

  #entries(): ReadonlyMap<string, Field> {
    this.#fields ??= fieldsOf(this.#node, this.#source);
    return this.#fields;
  }

  #field(key: string): Field | undefined {
    return this.#entries().get(key);
  }

  #value(key: string): Node | undefined {
    this.#read.add(key);
    const value = this.#field(key)?.value;
    return isScalar(value) && value.value === null ? undefined : value;
  }

  #scalar(key: string): unknown {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    return isScalar(value) ? value.value : this.#mustBe(key, "a single value");
  }

  #amount(key: string, isTaken: (value: number) => boolean, expected: string): number | undefined {
    const value = this.#scalar(key);
    if (value === undefined || (typeof value === "number" && isTaken(value))) return value;
    return this.#mustBe(key, expected, unquoted(value));
  }

  /** What is read of each item; `of` says what the items must be where it is false. */
  #list<T>(key: string, of: string, read: (item: Node) => readonly T[] | false): readonly T[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    if (!isSeq(value)) return this.#mustBe(key, "a list") ?? [];
    if (!canRead(value, this.#source)) return [];
    return value.items.flatMap((each) => {
      const found = read(resolved(each as Node, this.#source));
      return found === false ? (this.#mustBe(key, `a list of ${of}`) ?? []) : found;
    });
  }

  /** The value, where nothing in it ends a line or steers a terminal. */
  #sound(key: string, value: string, node?: Node): string | undefined {
    const place = node === undefined ? this.place(key) : this.#placeOf(node);
    if (value.length > maxLength) {
      const message = `\`${key.slice(0, 64)}\` is longer than ${maxLength} characters`;
      this.#source.report("error", "UMB0104", place, message, { remedy: "write it shorter" });
      return undefined;
    }
    const found = unprintableIn(value);
    if (found === undefined) return value;
    this.#source.report("error", "UMB0110", place, `\`${key.slice(0, 64)}\` holds ${found}`);
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
  return isQuoted ? { remedy: `write it without quotes: ${value}` } : {};
}
