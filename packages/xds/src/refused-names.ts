/** Who is to blame for a refused answer: `guilty`, or where that is not clear, the names that have to be tried one by one. */
export interface Blame {
  readonly guilty: readonly string[];
  readonly unclear: readonly string[];
}

/** Finds the names among `suspects` that an error is about. */
export function blamed(message: string, suspects: readonly string[]): Blame {
  const listed = listedIn(message, suspects);
  if (listed.length > 0) return { guilty: listed, unclear: [] };
  // A name may be a word of the text by chance.
  const named = suspects.filter((name) => mentions(message, name));
  const likely = named.length > 0 ? named : suspects;
  return likely.length === 1 ? { guilty: likely, unclear: [] } : { guilty: [], unclear: likely };
}

/** The names in Envoy's own list: `cluster(s) NAME: why, NAME: why`, or by lines for listeners. */
export function listedIn(message: string, names: readonly string[]): readonly string[] {
  const start = /(?:cluster|listener)\(s\)\s+/.exec(message);
  if (start === null) return [];
  const list = `\n${message.slice(start.index + start[0].length)}`;
  return names.filter((name) => list.includes(`\n${name}: `) || list.includes(`, ${name}: `));
}

/** True where a text has the name, and not as a part of a longer one. */
function mentions(text: string, name: string): boolean {
  const inName = /[\w./-]/;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const [before = " ", after = " "] = [text[at - 1], text[at + name.length]];
    const isEnd =
      !inName.test(after) || (after === "." && !inName.test(text[at + name.length + 1] ?? " "));
    if (!inName.test(before) && isEnd) return true;
  }
  return false;
}
