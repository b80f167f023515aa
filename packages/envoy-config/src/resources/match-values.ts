import type { Reader } from "./reader.ts";

/** Reports a path that no request can have after Envoy's normalization. The API server rejects it too. */
export function checkPath(at: Reader, value: string): void {
  if (!value.startsWith("/")) at.wrong("`value` must begin with /", "value");
  const found = /\/\/|\/\.\.?(?=\/|$)|%2f|[#?]/i.exec(value)?.[0];
  if (found === undefined) return;
  at.wrong(`\`value\` contains \`${found}\`, which never occurs in a normalized path`, "value");
}

/** RE2's limit for repetitions. */
const maxRepeat = 1_000;

/**
 * Reports a regular expression that would make Envoy reject the whole bootstrap. RE2 has no lookaround and no
 * backreferences. Apart from that, its syntax is close to JavaScript's, after removing flags and group names that only
 * RE2 has.
 */
export function checkRegex(at: Reader, key: string, expression: string): void {
  const problem = regexProblem(expression);
  if (problem === undefined) return;
  const message = `\`${key}\` is not a valid RE2 regular expression: ${problem}`;
  at.report("error", "UMB0227", message, key);
}

function regexProblem(expression: string): string | undefined {
  if (expression === "") return "it is empty";
  const literal = expression.replace(/\\Q.*?(?:\\E|$)/gs, "x");
  const unescaped = literal.replace(/\\[^1-9]/g, "x");
  if (/\(\?<?[=!]/.test(unescaped)) return "lookahead and lookbehind are not supported";
  if (/\\[1-9]/.test(unescaped)) return "backreferences are not supported";
  for (const [, least = "", most = ""] of unescaped.matchAll(/\{(\d+),?(\d*)\}/g)) {
    if (Number(least) > maxRepeat || Number(most) > maxRepeat)
      return `at most ${maxRepeat} repetitions are allowed`;
  }
  const portable = literal
    .replace(/\(\?P</g, "(?<")
    .replace(/\(\?[imsU]*(?:-[imsU]+)?:/g, "(?:")
    .replace(/\(\?[imsU]*(?:-[imsU]+)?\)/g, "");
  try {
    new RegExp(portable);
    return undefined;
  } catch {
    return "unbalanced brackets or invalid repetition";
  }
}
