import type { Reader } from "./reader.ts";

/** Reports a path that no request can have once Envoy has normalised it; the API server refuses it too. */
export function checkPath(at: Reader, value: string): void {
  if (!value.startsWith("/")) at.wrong("`value` must begin with /", "value");
  const found = /\/\/|\/\.\.?(?=\/|$)|%2f|[#?]/i.exec(value)?.[0];
  if (found === undefined) return;
  at.wrong(`\`value\` holds \`${found}\`, which no path that is matched has`, "value");
}

/** RE2 refuses more copies of a part than this. */
const maxRepeat = 1_000;

/**
 * Reports a regular expression that Envoy would refuse, and the whole bootstrap with it. RE2 has no lookaround and no
 * references back; for the rest its syntax is near enough to JavaScript's, once the flags and names that only RE2
 * writes so are taken out.
 */
export function checkRegex(at: Reader, key: string, expression: string): void {
  const problem = regexProblem(expression);
  if (problem === undefined) return;
  const message = `\`${key}\` is no regular expression that Envoy takes (RE2): ${problem}`;
  at.report("error", "UMB0227", message, key);
}

function regexProblem(expression: string): string | undefined {
  if (expression === "") return "it is empty";
  const literal = expression.replace(/\\Q.*?(?:\\E|$)/gs, "x");
  const unescaped = literal.replace(/\\[^1-9]/g, "x");
  if (/\(\?<?[=!]/.test(unescaped)) return "lookahead and lookbehind are not known";
  if (/\\[1-9]/.test(unescaped)) return "references back to a group are not known";
  for (const [, least = "", most = ""] of unescaped.matchAll(/\{(\d+),?(\d*)\}/g)) {
    if (Number(least) > maxRepeat || Number(most) > maxRepeat)
      return `a part may be repeated ${maxRepeat} times at most`;
  }
  const portable = literal
    .replace(/\(\?P</g, "(?<")
    .replace(/\(\?[imsU]*(?:-[imsU]+)?:/g, "(?:")
    .replace(/\(\?[imsU]*(?:-[imsU]+)?\)/g, "");
  try {
    new RegExp(portable);
    return undefined;
  } catch {
    return "brackets or repetitions do not fit together";
  }
}
