import { createResource, type Kind, kinds, type Snapshot, snapshotOf } from "@umbra/xds";

/** Texts by name: a test's resources hold their own text. */
export type Texts = Partial<Readonly<Record<Kind, Readonly<Record<string, string>>>>>;

/** A snapshot of texts; kinds of the same texts as in `before` keep their map. */
export function snapshot(texts: Texts, before?: Snapshot): Snapshot {
  const made = kinds.map((kind) => {
    const list = Object.entries(texts[kind] ?? {});
    return [kind, list.map(([name, text]) => createResource(name, Buffer.from(text)))] as const;
  });
  return snapshotOf(Object.fromEntries(made), before);
}
