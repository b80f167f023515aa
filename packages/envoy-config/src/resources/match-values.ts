import { createRequire } from "node:module";
import type { Reader } from "./reader.ts";

/** Reports a path that no request can have after Envoy's normalization. The API server rejects it too. */
export function checkPath(at: Reader, value: string): void {
  if (!value.startsWith("/")) at.wrong("`value` must begin with /", "value");
  const found = /\/\/|\/\.\.?(?=\/|$)|%2f|[#?]/i.exec(value)?.[0];
  if (found === undefined) return;
  at.wrong(`\`value\` contains \`${found}\`, which never occurs in a normalized path`, "value");
}

/**
 * Reports a regular expression that Envoy refuses: it would reject the whole bootstrap, or by ADS all routes of the
 * listener.
 */
export function checkRegex(at: Reader, key: string, expression: string): void {
  const problem = regexProblem(at, expression);
  if (problem === undefined) return;
  const message = `\`${key}\` is not a valid RE2 regular expression: ${problem}`;
  at.report("error", "UMB0227", message, key);
}

/** RE2's limit for repetitions, also for those within another. */
const maxRepeat = 1_000;
/** Expressions that may have more instructions are left to Envoy: a million takes seconds and hundreds of MB to compile. */
const maxInstructions = 100_000;

function regexProblem(at: Reader, expression: string): string | undefined {
  if (expression === "") return "it is empty";
  const instructions = instructionsIn(expression);
  if (instructions > maxInstructions || !at.takeInstructions(instructions)) return undefined;
  try {
    re2().RE2JS.compile(asEnvoyReads(expression));
    return undefined;
  } catch (cause) {
    return (cause as Error).message.replace(/^error parsing regexp: /, "");
  }
}

/**
 * Envoy's RE2 matches bytes and captures nothing: `\C` is any byte, no character is above `\x{FF}`, and names of groups
 * mean nothing, so that two may be the same.
 */
function asEnvoyReads(expression: string): string {
  const parts = /\\Q[\s\S]*?(?:\\E|$)|\\x\{([0-9A-Fa-f]{1,8})\}|\\[\s\S]|\(\?P?<\w+>/g;
  return expression.replace(parts, (part: string, code: string | undefined) => {
    if (part === "\\C") return ".";
    if (part.startsWith("(")) return "(";
    return Number.parseInt(code ?? "0", 16) > 0xff ? "\\x{110000}" : part;
  });
}

/** At most. */
function instructionsIn(expression: string): number {
  const counts = [...expression.matchAll(/\{(\d{1,6}),?(\d{0,6})\}/g)].map(([, least, most]) =>
    Math.max(1, Number(least), Number(most)),
  );
  const all = counts.reduce((product, count) => Math.min(maxRepeat, product * count), 1);
  return expression.length * all;
}

let loaded: typeof import("re2js") | undefined;

/** On demand: most routes have no regular expression, and each command would pay for its load. */
function re2(): typeof import("re2js") {
  loaded ??= createRequire(import.meta.url)("re2js") as typeof import("re2js");
  return loaded;
}
