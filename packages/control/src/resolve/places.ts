import {
  type Diagnostic,
  objectTitle,
  type ResourceName,
  type ResourceStore,
  type SoughtObject,
  type SourceFile,
} from "@umbra/envoy-config";

export type FilePlace = Pick<Diagnostic, "file" | "path" | "line" | "column">;

/** What is sought: a resource, or a text such as an endpoint's address, with the object that may have it. */
export type Sought =
  | { readonly resource: ResourceName }
  | { readonly text: string; readonly of?: SoughtObject };

/** Most places that are sought for one configuration, as each search may read all files. */
const maxSought = 100;

/** Finds the places of the first findings of a configuration; all others get the start of the first file. Objects come first: they are held by name. */
export function placesIn(
  files: Pick<ReadonlyMap<string, SourceFile>, "values">,
  objects?: Pick<ResourceStore, "findObject">,
): (sought: Sought) => FilePlace {
  let count = 0;
  return (sought) => {
    const object = soughtObject(sought);
    const found = object && objects?.findObject(object);
    if (found !== undefined) return { file: objectTitle(found), path: "", line: 1, column: 1 };
    count++;
    if (count <= maxSought) return placeOf(sought, files.values());
    const [first] = files.values();
    return { file: first?.name ?? "-", line: 1, column: 1 };
  };
}

function soughtObject(sought: Sought): SoughtObject | undefined {
  if ("text" in sought) return sought.of;
  const { kind, ...ref } = sought.resource;
  return { kind, ref };
}

/**
 * Finds the line where a resource or text is in the files; the start of the first file if it is not found. It is only
 * for findings about the whole of what was read: the reader knows the places of all others.
 */
export function placeOf(sought: Sought, files: Iterable<SourceFile>): FilePlace {
  let first: FilePlace | undefined;
  for (const { name: file, text } of files) {
    first ??= { file, line: 1, column: 1 };
    const lines = decoded(text).split("\n");
    const line = "text" in sought ? lineWith(sought.text, lines) : lineOf(sought.resource, lines);
    if (line === undefined) continue;
    return { file, line: line + 1, column: (lines[line] ?? "").search(/\S/) + 1 };
  }
  return first ?? { file: "-", line: 1, column: 1 };
}

function decoded(text: SourceFile["text"]): string {
  return typeof text === "string" ? text : new TextDecoder().decode(text);
}

function lineWith(text: string, lines: readonly string[]): number | undefined {
  const at = lines.findIndex((line) => line.includes(text));
  return at < 0 ? undefined : at;
}

/** The line with the resource's kind; documents are separated by `---`. */
function lineOf(resource: ResourceName, lines: readonly string[]): number | undefined {
  let start = 0;
  for (let at = 0; at <= lines.length; at++) {
    const line = lines[at];
    if (line !== undefined && !line.startsWith("---")) continue;
    const found = kindLineIn(resource, lines.slice(start, at));
    if (found !== undefined) return start + found;
    start = at + 1;
  }
  return undefined;
}

function kindLineIn(
  { kind, namespace, name }: ResourceName,
  lines: readonly string[],
): number | undefined {
  const [, rest = ""] = lines.join("\n").split(/metadata["']?\s*:/);
  // Only blanks of the same line: with line ends, many empty lines take time that grows with their square.
  const [metadata = ""] = rest.split(/^["' \t]*spec["']?\s*:/m);
  if (fieldIn(metadata, "name") !== name) return undefined;
  if ((fieldIn(metadata, "namespace") ?? "default") !== namespace) return undefined;
  const at = lines.findIndex((line) => fieldIn(line, "kind") === kind);
  return at < 0 ? undefined : at;
}

/** The first value of a field in YAML or JSON, of whatever it is a field. */
function fieldIn(text: string, field: string): string | undefined {
  return new RegExp(`(?<![\\w./-])${field}["']?\\s*:\\s*["']?([^"',\\s{}]+)`).exec(text)?.[1];
}
