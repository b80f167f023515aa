import { createResource, emptySnapshot, type Kind, kinds, type Snapshot } from "@umbra/xds";

/** Texts by name: a test's resources hold their own text. */
export type Texts = Partial<Readonly<Record<Kind, Readonly<Record<string, string>>>>>;

/** A snapshot of texts; kinds of the same texts as in `before` keep their map. */
export function snapshot(texts: Texts, before: Snapshot = emptySnapshot): Snapshot {
  const made = kinds.map((kind) => {
    const resources = Object.entries(texts[kind] ?? {}).map(
      ([name, text]) => [name, createResource(name, Buffer.from(text))] as const,
    );
    const held = before[kind];
    const isSame =
      held.size === resources.length &&
      resources.every(([name, { version }]) => held.get(name)?.version === version);
    return [kind, isSame ? held : new Map(resources)] as const;
  });
  return Object.fromEntries(made) as unknown as Snapshot;
}
