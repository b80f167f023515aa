import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Place, Report, Start } from "./report.ts";

/** One document, with the data that all its readers share. */
export interface Source {
  readonly file: string;
  /** Lines of the text, which begins at `start` in the file. */
  readonly lines: LineCounter;
  readonly start: Start;
  readonly report: Report;
  /** The value of each alias. */
  readonly aliases: Map<Node, Node>;
  readonly spend: Spend;
  readonly faults: Faults;
  readonly compiling: Compiling;
  /** The text of the part of the file. */
  readonly text: string;
  /** The document may contain a secret: never show its lines. */
  readonly isSecret: boolean;
}

/** Instructions of regular expressions that may still be compiled, to check them. All documents of a file share it. */
export interface Compiling {
  left: number;
}

/** Counts the errors of a document, so that a reader can tell which part they are in. */
export interface Faults {
  count: number;
  /** Maps with an invalid key. They count when they are read. */
  readonly maps: Set<Node>;
}

/** Creates the source of a document, whose errors are counted. */
export function createSource(of: Omit<Source, "aliases" | "faults">): Source {
  const faults: Faults = { count: 0, maps: new Set() };
  const report: Report = (severity, ...rest) => {
    if (severity === "error") faults.count++;
    of.report(severity, ...rest);
  };
  return { ...of, report, aliases: new Map(), faults };
}

/**
 * Counts what is read, and how deep, because aliases can expand a short text. Returns false if it is too much, and
 * reports it once.
 */
export type Spend = (count: number, depth: number, tooMuch: () => void) => boolean;

/** Returns the place of an offset in the text. */
export function placeAt(
  offset: number,
  { file, lines, start }: Pick<Source, "file" | "lines" | "start">,
): Place {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(1, line), column: Math.max(1, col), start };
}

/** Returns the place of a document's node. */
export function placeOf(node: Node, source: Source): Place {
  const { lines, isSecret } = source;
  const [begin = 0, end = begin] = node.range ?? [];
  const from = lines.linePos(begin);
  const to = lines.linePos(end);
  const isOneLine = to.line === from.line && to.col > from.col;
  return {
    ...placeAt(begin, source),
    ...(isOneLine ? { endColumn: to.col } : {}),
    ...(isSecret ? { isSecret } : {}),
  };
}

export interface Field {
  readonly key: Node;
  readonly value: Node | undefined;
}

/** Returns a map's fields by name. Its own fields come before those merged with `<<`. The first of two with the same name wins. */
export function fieldsOf(node: Node, source: Source, depth = 0): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  if (!isMap(node) || !canRead(node, source, depth)) return fields;
  if (source.faults.maps.has(node)) source.faults.count++;
  const merged: Node[] = [];
  for (const { key, value } of node.items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    const target = value === null ? undefined : resolved(value as Node, source);
    if (name === "<<" && isAlias(value) && target !== undefined) merged.push(target);
    else if (!fields.has(name)) fields.set(name, { key, value: target });
  }
  for (const each of merged) {
    for (const [name, field] of fieldsOf(each, source, depth + 1)) {
      if (!fields.has(name)) fields.set(name, field);
    }
  }
  return fields;
}

/** False if aliases expand to too much, which is reported once. */
export function canRead(node: YAMLMap | YAMLSeq, source: Source, depth = 0): boolean {
  return source.spend(node.items.length, depth, () => {
    source.report(
      "error",
      "UMB0108",
      placeOf(node, source),
      "the rest of the file is ignored: its aliases expand to too much",
      { remedy: "replace the aliases by their values" },
    );
  });
}

/** Returns the value of an alias, or the node itself. */
export function resolved(node: Node, { aliases }: Source): Node {
  return aliases.get(node) ?? node;
}

/** Returns a node as plain data, whatever its type. */
export function plainValue(node: Node | undefined, source: Source, depth = 0): unknown {
  if (isScalar(node)) return node.value;
  if (isSeq(node)) {
    if (!canRead(node, source, depth)) return [];
    return node.items.map((item) => plainValue(resolved(item as Node, source), source, depth + 1));
  }
  if (!isMap(node)) return null;
  const entries = [...fieldsOf(node, source, depth)].map(
    ([name, { value }]) => [name, plainValue(value, source, depth + 1)] as const,
  );
  return Object.fromEntries(entries);
}
