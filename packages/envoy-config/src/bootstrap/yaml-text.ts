import { stringify } from "yaml";
import { type EnvoyObject, type EnvoyValue, Reasoned } from "./envoy-object.ts";
import type { Plain, PlainMap } from "./plain.ts";
import { yamlFormat } from "./yaml-format.ts";

/**
 * Formats plain data as YAML in block style. Writes the same bytes as `yaml` in a tenth of the time: a bootstrap with
 * thousands of routes has tens of megabytes. If the message with reasons is given, writes each reason once, before the
 * first field that has it; a changed value has no reason.
 */
export function yamlText(value: Plain, message?: EnvoyValue): string {
  if (typeof value !== "object" || value === null || isEmpty(value)) return `${inline(value)}\n`;
  const reasons = { of: message, told: new Set<string>() };
  return `${block(value, "", reasons).slice(1)}\n`;
}

/** Finds the reasons of a value and its parts. */
interface Reasons {
  readonly of: EnvoyValue | undefined;
  readonly told: Set<string>;
}

function block(value: PlainMap | readonly Plain[], indent: string, reasons: Reasons): string {
  return isList(value) ? list(value, indent, reasons) : map(value, indent, reasons);
}

/** Writes each pair on its own line, preceded by a line break. */
function map(value: PlainMap, indent: string, reasons: Reasons): string {
  let text = "";
  for (const key of Object.keys(value)) {
    const field = value[key];
    if (field === undefined) continue;
    const own = within(reasons, key);
    text += `${comment(field, indent, own)}\n${indent}${scalar(key)}:${below(field, indent, own)}`;
  }
  return text;
}

/** Writes the value after a key. */
function below(value: Plain, indent: string, reasons: Reasons): string {
  if (typeof value === "string" && lines.test(value)) {
    return ` |${`\n${value.slice(0, -1)}`.replaceAll("\n", `\n${indent}  `)}`;
  }
  if (typeof value !== "object" || value === null || isEmpty(value)) return ` ${inline(value)}`;
  return block(value, `${indent}  `, reasons);
}

function list(values: readonly Plain[], indent: string, reasons: Reasons): string {
  let text = "";
  for (const [index, value] of values.entries()) {
    const own = within(reasons, index);
    text += `${comment(value, indent, own)}\n${indent}- ${item(value, `${indent}  `, own)}`;
  }
  return text;
}

/** Writes the value after a dash. Its first line has the dash's indentation. */
function item(value: Plain, indent: string, reasons: Reasons): string {
  if (typeof value !== "object" || value === null || isEmpty(value)) return inline(value);
  return block(value, indent, reasons).slice(1 + indent.length);
}

function within(reasons: Reasons, part: string | number): Reasons {
  const { of, told } = reasons;
  if (of === undefined) return reasons;
  const whole = of instanceof Reasoned ? of.value : of;
  // A changed bootstrap may have names that every object has, such as `toString`.
  const isThere = typeof whole === "object" && whole !== null && Object.hasOwn(whole, part);
  return { of: isThere ? (whole as EnvoyObject)[part] : undefined, told };
}

function comment(value: Plain, indent: string, { of, told }: Reasons): string {
  if (!(of instanceof Reasoned) || told.has(of.reason)) return "";
  const isSame = typeof of.value === "object" ? typeof value === "object" : of.value === value;
  if (!isSame) return "";
  told.add(of.reason);
  return `\n${indent}# ${of.reason}`;
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

/** Text of several plain lines, such as a script, which is written as a block scalar. */
const lines = /^[!-~][ -~]*(?:\n[ -~]*[!-~])+\n$/;

/** Text that needs no quotes in YAML: names, paths, hosts, IPv4 addresses. */
const plain =
  /^(?!(?:true|false|null|yes|no|on|off|y|n)$)(?:[A-Za-z/][\w/.-]*(?::[\w/.-]+)*|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d+)?)$/i;

/** Cache of all other scalars, formatted by `yaml`. They are few. */
const quoted = new Map<string, string>();
const maxQuoted = 10_000;

function scalar(text: string): string {
  if (plain.test(text)) return text;
  const known = quoted.get(text);
  if (known !== undefined) return known;
  const below = stringify({ a: text }, yamlFormat).slice("a: ".length, -1);
  // A block scalar would need the indentation of its position.
  const made = below.includes("\n") ? JSON.stringify(text) : below;
  if (quoted.size < maxQuoted) quoted.set(text, made);
  return made;
}
