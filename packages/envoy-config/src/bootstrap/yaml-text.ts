import { stringify } from "yaml";
import type { Plain, PlainMap } from "./to-yaml.ts";
import { yamlFormat } from "./yaml-format.ts";

/**
 * A message as YAML in block style, the same bytes that `yaml`'s `stringify` writes, in a tenth of its time: a bootstrap
 * of thousands of routes has tens of megabytes.
 */
export function yamlText(value: Plain): string {
  if (typeof value !== "object" || value === null || isEmpty(value)) return `${inline(value)}\n`;
  return `${(isList(value) ? list(value, "") : map(value, "")).slice(1)}\n`;
}

/** Each pair on a line of its own, with a line end before it. */
function map(value: PlainMap, indent: string): string {
  let text = "";
  for (const key of Object.keys(value)) {
    const field = value[key];
    if (field !== undefined) text += `\n${indent}${scalar(key)}:${below(field, indent)}`;
  }
  return text;
}

/** What stands behind a key. */
function below(value: Plain, indent: string): string {
  if (typeof value === "string" && lines.test(value)) {
    return ` |${`\n${value.slice(0, -1)}`.replaceAll("\n", `\n${indent}  `)}`;
  }
  if (typeof value !== "object" || value === null || isEmpty(value)) return ` ${inline(value)}`;
  return isList(value) ? list(value, `${indent}  `) : map(value, `${indent}  `);
}

function list(values: readonly Plain[], indent: string): string {
  let text = "";
  for (const value of values) text += `\n${indent}- ${item(value, `${indent}  `)}`;
  return text;
}

/** What stands behind a dash: the first line of it has the dash's indentation. */
function item(value: Plain, indent: string): string {
  if (typeof value !== "object" || value === null || isEmpty(value)) return inline(value);
  const text = isList(value) ? list(value, indent) : map(value, indent);
  return text.slice(1 + indent.length);
}

function inline(value: Plain): string {
  if (typeof value === "string") return scalar(value);
  if (typeof value !== "object" || value === null) return String(value);
  return isList(value) ? "[]" : "{}";
}

function isList(value: PlainMap | readonly Plain[]): value is readonly Plain[] {
  return Array.isArray(value);
}

function isEmpty(value: PlainMap | readonly Plain[]): boolean {
  return isList(value) ? value.length === 0 : Object.keys(value).length === 0;
}

/** Lines of plain characters, such as a script: a block scalar behind a key. */
const lines = /^[!-~][ -~]*(?:\n[ -~]*[!-~])+\n$/;

/** Text that is a string of YAML as it stands: names, paths, hosts, IPv4 addresses. */
const plain =
  /^(?!(?:true|false|null|yes|no|on|off|y|n)$)(?:[A-Za-z/][\w/.-]*(?::[\w/.-]+)*|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d+)?)$/i;

/** Others, as `yaml` writes them; of them there are few. */
const quoted = new Map<string, string>();
const maxQuoted = 10_000;

function scalar(text: string): string {
  if (plain.test(text)) return text;
  const known = quoted.get(text);
  if (known !== undefined) return known;
  const below = stringify({ a: text }, yamlFormat).slice("a: ".length, -1);
  // A block scalar would need the indentation of its place.
  const made = below.includes("\n") ? JSON.stringify(text) : below;
  if (quoted.size < maxQuoted) quoted.set(text, made);
  return made;
}
