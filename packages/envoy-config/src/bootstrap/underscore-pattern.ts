/** The characters that known names continue with, after the same beginning. */
interface Branch {
  isName: boolean;
  readonly next: Map<string, Branch>;
}

/**
 * A regular expression, to match all of a header's name, for names that have an underscore and are not in `known`. RE2
 * has no exceptions: it lists where a name leaves every known one.
 *
 * @param known in lower case, each with an underscore
 */
export function unknownUnderscores(known: readonly string[]): string {
  const root: Branch = { isName: false, next: new Map() };
  for (const name of known) {
    let branch = root;
    for (const char of name) {
      const next = branch.next.get(char) ?? { isName: false, next: new Map() };
      branch.next.set(char, next);
      branch = next;
    }
    branch.isName = true;
  }
  return patternBehind(root, false);
}

/** @param hasUnderscore the beginning has one */
function patternBehind({ isName, next }: Branch, hasUnderscore: boolean): string {
  const ways: string[] = [];
  for (const [char, branch] of next) {
    ways.push(literal(char) + patternBehind(branch, hasUnderscore || char === "_"));
  }
  const others = [...next.keys()]
    .filter((char) => char !== "_")
    .map(literal)
    .join("");
  if (hasUnderscore) {
    const all = next.has("_") ? `_${others}` : others;
    ways.push(all === "" ? ".+" : `[^${all}].*`);
  } else {
    if (!next.has("_")) ways.push("_.*");
    ways.push(`[^_${others}].*_.*`);
  }
  const isOptional = hasUnderscore && !isName;
  return `(?:${ways.join("|")})${isOptional ? "?" : ""}`;
}

function literal(char: string): string {
  return /\w/.test(char) ? char : `\\${char}`;
}
