import { isMap, isScalar, isSeq, type LineCounter, type Node, type Pair } from "yaml";
import type { DiagnosticCode } from "../codes.ts";
import type { Diagnostic } from "../diagnostic.ts";

/** Where a value stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Collects diagnostics of one read. */
export type Report = (
  severity: Diagnostic["severity"],
  code: DiagnosticCode,
  place: Place,
  message: string,
) => void;

export interface Source {
  readonly file: string;
  readonly lines: LineCounter;
  readonly report: Report;
}

/** A map of a YAML document, read field by field; what is wrong is reported where it stands. */
export class Reader {
  readonly #source: Source;
  readonly #node: Node;
  readonly #read = new Set<string>();

  constructor(source: Source, node: Node) {
    this.#source = source;
    this.#node = node;
  }

  /** Where a field stands, or the map itself. */
  place(key?: string): Place {
    const pair = key === undefined ? undefined : this.#pair(key);
    return this.placeOf((pair?.value ?? pair?.key ?? this.#node) as Node);
  }

  /** Where a node of the same file stands. */
  placeOf(node: Node): Place {
    const { line, col } = this.#source.lines.linePos(node.range?.[0] ?? 0);
    return { file: this.#source.file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  report(
    severity: Diagnostic["severity"],
    code: DiagnosticCode,
    message: string,
    key?: string,
  ): void {
    this.#source.report(severity, code, this.place(key), message);
  }

  string(key: string): string | undefined {
    const value = this.#scalar(key);
    if (value === undefined || typeof value === "string") return value;
    return this.#wrong(key, "a string");
  }

  required(key: string): string | undefined {
    const value = this.string(key);
    if (value === undefined && !this.has(key))
      this.report("error", "UMB0103", `\`${key}\` is missing`);
    if (value === "") this.report("error", "UMB0104", `\`${key}\` must not be empty`, key);
    return value === "" ? undefined : value;
  }

  integer(key: string, min: number, max: number): number | undefined {
    const value = this.#scalar(key);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max)
      return value;
    return this.#wrong(key, `a whole number from ${min} to ${max}`);
  }

  number(key: string, min: number, max: number): number | undefined {
    const value = this.#scalar(key);
    if (value === undefined) return undefined;
    if (typeof value === "number" && value >= min && value <= max) return value;
    return this.#wrong(key, `a number from ${min} to ${max}`);
  }

  boolean(key: string): boolean | undefined {
    const value = this.#scalar(key);
    if (value === undefined || typeof value === "boolean") return value;
    return this.#wrong(key, "true or false");
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T | undefined {
    const value = this.string(key);
    const found = choices.find((choice) => choice === value);
    if (value !== undefined && found === undefined)
      return this.#wrong(key, `one of ${choices.join(", ")}`);
    return found;
  }

  map(key: string): Reader | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    return isMap(value) ? new Reader(this.#source, value) : this.#wrong(key, "a map");
  }

  /** The maps of a list; empty when the field is absent. */
  maps(key: string): readonly Reader[] {
    return this.#items(key).flatMap((item) => {
      if (isMap(item)) return [new Reader(this.#source, item)];
      this.#wrong(key, "a list of maps");
      return [];
    });
  }

  /** The maps of a list, unread. */
  items(key: string): readonly Node[] {
    return this.#items(key).filter((item) => isMap(item));
  }

  strings(key: string): readonly string[] {
    return this.#items(key).flatMap((item) => {
      if (isScalar(item)) return [String(item.value)];
      this.#wrong(key, "a list of strings");
      return [];
    });
  }

  /** All fields that are scalars, as text: labels, annotations, selectors. */
  texts(key: string): Readonly<Record<string, string>> {
    const map = this.#value(key);
    if (map === undefined) return {};
    if (!isMap(map)) return this.#wrong(key, "a map") ?? {};
    const read: [string, string][] = [];
    for (const { key: name, value } of map.items as Pair<Node, Node | null>[]) {
      if (isScalar(name) && isScalar(value)) read.push([String(name.value), String(value.value)]);
    }
    return Object.fromEntries(read);
  }

  /** A map as plain data, whatever is in it. */
  json(key: string): Readonly<Record<string, unknown>> | undefined {
    const map = this.#value(key);
    if (map === undefined) return undefined;
    return isMap(map)
      ? (map.toJSON() as Readonly<Record<string, unknown>>)
      : this.#wrong(key, "a map");
  }

  /** Names of the fields that are there. */
  keys(): readonly string[] {
    if (!isMap(this.#node)) return [];
    return this.#node.items.flatMap(({ key }) => (isScalar(key) ? [String(key.value)] : []));
  }

  /** A number or string, as text: `targetPort` may be either. */
  scalarText(key: string): string | undefined {
    const value = this.#scalar(key);
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** Warns of fields that nothing reads, with the name that was perhaps meant. */
  warnUnknown(...alsoKnown: readonly string[]): void {
    if (!isMap(this.#node)) return;
    const known = [...this.#read, ...alsoKnown];
    for (const { key } of this.#node.items) {
      if (!isScalar(key) || known.includes(String(key.value))) continue;
      const name = String(key.value);
      const near = nearest(name, known);
      const hint = near === undefined ? "remove it" : `did you mean \`${near}\`?`;
      this.report(
        "warning",
        "UMB0105",
        `\`${name.slice(0, 64)}\` is not known here: ${hint}`,
        name,
      );
    }
  }

  #pair(key: string): Pair | undefined {
    if (!isMap(this.#node)) return undefined;
    return this.#node.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
  }

  #value(key: string): Node | undefined {
    this.#read.add(key);
    const value = this.#pair(key)?.value as Node | null | undefined;
    if (value === null || value === undefined) return undefined;
    return isScalar(value) && value.value === null ? undefined : value;
  }

  #scalar(key: string): unknown {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    return isScalar(value) ? value.value : this.#wrong(key, "a single value");
  }

  #items(key: string): readonly unknown[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    if (isSeq(value)) return value.items;
    this.#wrong(key, "a list");
    return [];
  }

  #wrong(key: string, expected: string): undefined {
    this.report("error", "UMB0104", `\`${key}\` must be ${expected}`, key);
    return undefined;
  }
}

/** The closest of the known names, if it is close at all. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const each of known) {
    const distance = editDistance(name.slice(0, 64), each);
    if (distance < least) {
      least = distance;
      best = each;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
