import { defined } from "@umbra/shadow/defined";
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Place, Start } from "./report.ts";
import type { Source } from "./source.ts";
import type { Field, ValueNode } from "./value-node.ts";

/** A YAML document. */
export interface YamlDocument {
  readonly file: string;
  /** Lines of the text, which begins at `start` in the file. */
  readonly lines: LineCounter;
  readonly start: Start | undefined;
  /** The text of the part of the file. */
  readonly text: string;
  /** The document may contain a secret: never show its lines. */
  readonly isSecret: boolean;
  /** The value of each alias. */
  readonly aliases: Map<Node, Node>;
  /** Maps with an invalid key. They count as errors when they are read. */
  readonly invalidMaps: Set<Node>;
}

export function createYamlDocument(
  of: Omit<YamlDocument, "aliases" | "invalidMaps">,
): YamlDocument {
  return { ...of, aliases: new Map(), invalidMaps: new Set() };
}

/** Returns the place of an offset in the text. */
export function placeAt(
  offset: number,
  { file, lines, start }: Pick<YamlDocument, "file" | "lines" | "start">,
): Place {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(1, line), column: Math.max(1, col), ...defined({ start }) };
}

/** Returns the place of a document's node. */
export function placeOf(node: Node, document: YamlDocument): Place {
  const { lines, isSecret } = document;
  const [begin = 0, end = begin] = node.range ?? [];
  const from = lines.linePos(begin);
  const to = lines.linePos(end);
  const isOneLine = to.line === from.line && to.col > from.col;
  return {
    ...placeAt(begin, document),
    ...(isOneLine ? { endColumn: to.col } : {}),
    ...(isSecret ? { isSecret } : {}),
  };
}

/** Returns a value of a YAML document, which must have been inspected. */
export function yamlNode(node: Node, document: YamlDocument): ValueNode {
  return new YamlNode(node, document);
}

class YamlNode implements ValueNode {
  readonly #node: Node;
  readonly #document: YamlDocument;

  constructor(node: Node, document: YamlDocument) {
    this.#node = node;
    this.#document = document;
  }

  get kind(): ValueNode["kind"] {
    const node = this.#node;
    if (isScalar(node)) return "scalar";
    return isMap(node) ? "map" : isSeq(node) ? "list" : "unknown";
  }

  get value(): unknown {
    return isScalar(this.#node) ? this.#node.value : undefined;
  }

  fields(source: Source, depth = 0): ReadonlyMap<string, Field> {
    return fieldsOf(this.#node, this.#document, source, depth);
  }

  items(source: Source, depth = 0): readonly ValueNode[] {
    const node = this.#node;
    if (!isSeq(node) || !canRead(node, this.#document, source, depth)) return [];
    return node.items.map((item) => this.#resolved(item as Node));
  }

  child(part: string | number): ValueNode | undefined {
    const node = this.#node;
    const next: unknown = isCollection(node) ? node.get(part, true) : undefined;
    return isNode(next) ? new YamlNode(next, this.#document) : undefined;
  }

  place(): Place {
    return placeOf(this.#node, this.#document);
  }

  placeInside(part: Place): Place {
    const node = this.#node;
    const { line, column } = placeOf(node, this.#document);
    const isBlock =
      isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED");
    const [begin = 0] = node.range ?? [];
    const [, spaces = ""] = /\n( *)[^\s]/.exec(this.#document.text.slice(begin)) ?? [];
    const [lines, columns] = isBlock ? [line, spaces.length] : [line - 1, column];
    const { endColumn } = part;
    return {
      ...part,
      ...{ line: part.line + lines, column: part.column + columns },
      ...(endColumn === undefined ? {} : { endColumn: endColumn + columns }),
    };
  }

  #resolved(node: Node): ValueNode {
    return new YamlNode(resolved(node, this.#document), this.#document);
  }
}

/** Returns a map's fields by name. Its own fields come before those merged with `<<`. The first of two with the same name wins. */
function fieldsOf(
  node: Node,
  document: YamlDocument,
  source: Source,
  depth: number,
): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  if (!isMap(node) || !canRead(node, document, source, depth)) return fields;
  if (document.invalidMaps.has(node)) source.faults.count++;
  const merged: Node[] = [];
  for (const { key, value } of node.items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    const target = value === null ? undefined : resolved(value as Node, document);
    if (name === "<<" && isAlias(value) && target !== undefined) merged.push(target);
    else if (!fields.has(name)) {
      fields.set(name, {
        key: new YamlNode(key, document),
        value: target && new YamlNode(target, document),
      });
    }
  }
  for (const each of merged) {
    for (const [name, field] of fieldsOf(each, document, source, depth + 1)) {
      if (!fields.has(name)) fields.set(name, field);
    }
  }
  return fields;
}

/** False if aliases expand to too much, which is reported once. */
function canRead(
  node: YAMLMap | YAMLSeq,
  document: YamlDocument,
  source: Source,
  depth: number,
): boolean {
  return source.spend(node.items.length, depth, () => {
    source.report(
      "error",
      "UMB0108",
      placeOf(node, document),
      "the rest of the file is ignored: its aliases expand to too much",
      { remedy: "replace the aliases by their values" },
    );
  });
}

/** Returns the value of an alias, or the node itself. */
function resolved(node: Node, { aliases }: YamlDocument): Node {
  return aliases.get(node) ?? node;
}
