/** The characters that known names continue with, after the same beginning. */
interface Branch {
  isName: boolean;
  /** All names with this beginning count as known. */
  isOpen: boolean;
  readonly next: Map<string, Branch>;
}

/** A branch takes some 7 instructions of RE2, and Envoy refuses the filters of all routes above 20,000. */
const maxBranches = 2_000;

/**
 * A regular expression, to match all of a header's name, for names that have an underscore and are not in `known`. RE2
 * has no exceptions: it lists where a name leaves every known one. Of very many known names it has only the beginnings,
 * and no longer matches a name that begins like one of them.
 *
 * @param known in lower case, each with an underscore
 */
export function unknownUnderscores(known: readonly string[]): string {
  return patternBehind(branchesOf(known), false);
}

/** Level by level, so that all names keep beginnings of the same length. */
function branchesOf(known: readonly string[]): Branch {
  const root: Branch = { isName: false, isOpen: false, next: new Map() };
  let level = [{ branch: root, names: known }];
  let left = maxBranches;
  for (let depth = 0; level.length > 0; depth++) {
    const below: typeof level = [];
    for (const { branch, names } of level) {
      branch.isName = names.some((name) => name.length === depth);
      const longer = names.filter((name) => name.length > depth);
      const byChar = Map.groupBy(longer, (name) => name.charAt(depth));
      branch.isOpen = byChar.size > left;
      if (branch.isOpen) continue;
      left -= byChar.size;
      for (const [char, group] of byChar) {
        const next: Branch = { isName: false, isOpen: false, next: new Map() };
        branch.next.set(char, next);
        below.push({ branch: next, names: group });
      }
    }
    level = below;
  }
  return root;
}

/** @param hasUnderscore the beginning has one */
function patternBehind({ isName, next }: Branch, hasUnderscore: boolean): string {
  const ways: string[] = [];
  for (const [char, branch] of next) {
    if (branch.isOpen) continue;
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
