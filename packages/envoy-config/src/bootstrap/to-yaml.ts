import { Document, isMap, isScalar, isSeq, type Node } from "yaml";
import { type EnvoyObject, type EnvoyValue, Reasoned } from "./envoy-object.ts";
import { yamlFormat } from "./yaml-format.ts";

export type Plain = string | number | boolean | null | PlainMap | readonly Plain[];
export type PlainMap = { readonly [field: string]: Plain };

/**
 * Writes plain data as YAML, each reason of the message that it was made of once, before the first field that has it.
 * A value that has become another one has no reason.
 */
export function toExplainedYaml(plain: Plain, message: EnvoyObject): string {
  const document = new Document(plain, yamlFormat);
  explain(message, document.contents, new Set());
  return document.toString(yamlFormat);
}

/** The message as plain data. */
export function plainOf(message: EnvoyObject): PlainMap {
  return Object.fromEntries(
    Object.entries(message).map(([field, value]) => [field, plainValue(value)]),
  );
}

function plainValue(value: EnvoyValue): Plain {
  if (value instanceof Reasoned) return plainValue(value.value);
  if (typeof value !== "object" || value === null) return value;
  return Array.isArray(value) ? value.map(plainValue) : plainOf(value as EnvoyObject);
}

/** Walks the message and its YAML side by side. */
function explain(value: EnvoyValue, node: unknown, told: Set<string>): void {
  if (value instanceof Reasoned) explain(value.value, node, told);
  else if (Array.isArray(value)) explainItems(value, node, told);
  else if (typeof value === "object" && value !== null) {
    explainFields(value as EnvoyObject, node, told);
  }
}

function explainItems(items: readonly EnvoyValue[], node: unknown, told: Set<string>): void {
  if (!isSeq(node)) return;
  for (const [index, item] of items.entries())
    tell(item, node.items[index], node.items[index], told);
}

function explainFields(message: EnvoyObject, node: unknown, told: Set<string>): void {
  if (!isMap(node)) return;
  const pairs = new Map(node.items.map((pair) => [isScalar(pair.key) ? pair.key.value : "", pair]));
  for (const [field, value] of Object.entries(message)) {
    const pair = pairs.get(field);
    if (pair !== undefined) tell(value, pair.key, pair.value, told);
  }
}

function tell(value: EnvoyValue, before: unknown, node: unknown, told: Set<string>): void {
  if (value instanceof Reasoned && !told.has(value.reason) && isSame(value.value, node)) {
    told.add(value.reason);
    (before as Node).commentBefore = ` ${value.reason}`;
  }
  explain(value, node, told);
}

function isSame(value: EnvoyValue, node: unknown): boolean {
  if (node === undefined) return false;
  return typeof value === "object" ? !isScalar(node) : isScalar(node) && node.value === value;
}
