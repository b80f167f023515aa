import { describe, expect, test } from "@jest/globals";
import {
  createResourceStore,
  type Diagnostic,
  type JsonObject,
  keptPart,
  type ObjectId,
  type Resolution,
} from "@umbra/envoy-config";
import fc from "fast-check";
import { isNode, LineCounter, parseAllDocuments, parseDocument, stringify } from "yaml";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { caseNames, resourcesOf } from "./golden-case.ts";
import { dataOf } from "./resolved-data.ts";

interface Named {
  readonly object: JsonObject;
  /** What its findings have in place of a file. */
  readonly title: string;
}

/** The objects of a golden case that an API server could have: each has a kind and a name, and there are no two of one. */
function objectsOf(name: string): readonly Named[] {
  const documents = resourcesOf(name)
    .flatMap(({ text }) => parseAllDocuments(text, { merge: true }))
    .filter((each) => "errors" in each && each.errors.length === 0)
    .map((each) => JSON.parse(JSON.stringify(each)) as JsonObject | null);
  const named = documents.flatMap((object) => {
    const { apiVersion, kind, metadata } = object ?? {};
    const { name: own, namespace } = (metadata ?? {}) as Readonly<Record<string, unknown>>;
    if (object === null || ![apiVersion, kind, own].every((each) => typeof each === "string"))
      return [];
    const title = `${kind} ${namespace === undefined ? "" : `${namespace}/`}${own}`;
    return [{ object, title, key: `${apiVersion} ${kind} ${namespace ?? ""} ${own}` }];
  });
  const firsts = named.filter(
    ({ key }, at) => named.findIndex((other) => other.key === key) === at,
  );
  return firsts.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** Files in the order of the objects' names. */
function fromFiles(objects: readonly Named[]): Resolution {
  const store = createResourceStore({ isLive: true });
  objects.forEach(({ object }, at) => {
    store.put({ name: fileNameOf(at), text: stringify(object) });
  });
  return store.resolve();
}

const fileNameOf = (at: number) => `${String(at).padStart(4, "0")}.yaml`;

function fromObjects(objects: readonly Named[]): Resolution {
  const store = createResourceStore({ isLive: true });
  for (const { object } of objects) store.putObject(object);
  return store.resolve();
}

/** What a finding says, without its place and that of another object. */
function wordsOf({ severity, code, message, remedy, condition, rule }: Diagnostic): string {
  const words = message.replace(/ \((?:\d+\.yaml:\d+|spec\.[^ )]*)\)/, "");
  return JSON.stringify([severity, code, words, remedy, condition, rule]);
}

function meaningOf(resolution: Resolution): unknown {
  const { diagnostics, staleFiles: _, ...meaning } = dataOf(resolution);
  return { ...meaning, findings: diagnostics.map(wordsOf).toSorted() };
}

/** The parts of a path such as `spec.rules[0]["a.b"]`. */
function partsOf(path: string): readonly (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([\w-]+)/g)].map(
    ([, index, quoted, plain = ""]) => {
      if (index !== undefined) return Number(index);
      return quoted === undefined ? plain : (JSON.parse(quoted) as string);
    },
  );
}

/** The lines of an object's YAML text where a value, or its name, may be found. */
function linesOf(object: JsonObject, path: string): readonly number[] {
  const lines = new LineCounter();
  const document = parseDocument(stringify(object), { lineCounter: lines });
  const parts = partsOf(path);
  const node: unknown = parts.length === 0 ? document.contents : document.getIn(parts, true);
  const [begin = 0, end = 0] = isNode(node) ? (node.range ?? []) : [];
  const { line } = lines.linePos(begin);
  const length = lines.linePos(Math.max(begin, end - 1)).line - line + 1;
  // The name of a field is on its line, or on the line above.
  return [line - 1, ...Array.from({ length }, (_, at) => line + at)];
}

describe("objects of an API server", () => {
  test.each(caseNames)("mean what files with them mean: %s", (name) => {
    const objects = objectsOf(name);
    expect(meaningOf(fromObjects(objects))).toEqual(meaningOf(fromFiles(objects)));
  });

  test.each(caseNames)("mean the same by the parts that are kept of them: %s", (name) => {
    const objects = objectsOf(name);
    const kept = objects.map((each) => ({ ...each, object: keptPart(each.object) ?? {} }));
    const { topology, attachments } = fromObjects(kept);
    const whole = fromObjects(objects);
    expect({ topology, attachments }).toEqual({
      topology: whole.topology,
      attachments: whole.attachments,
    });
  });

  test.each(caseNames)("have findings at the same values as files: %s", (name) => {
    const objects = objectsOf(name);
    const placesInFiles = Map.groupBy(fromFiles(objects).diagnostics, wordsOf);
    const lost = fromObjects(objects).diagnostics.filter((each) => {
      const at = objects.findIndex(({ title }) => title === each.file);
      const { object = {} } = objects[at] ?? {};
      const lines = linesOf(object, each.path ?? "none");
      const same = placesInFiles.get(wordsOf(each)) ?? [];
      return !same.some(({ file, line }) => file === fileNameOf(at) && lines.includes(line));
    });
    expect(lost.filter(({ code }) => code !== "UMB0201")).toEqual([]);
  });

  test("point to the other object of a finding by its path", () => {
    const { diagnostics } = fromObjects(objectsOf("precedence"));
    expect(diagnostics.find(({ code }) => code === "UMB0301")).toMatchObject({
      ...{ file: "HTTPRoute young", path: "spec.rules[0].matches[0]", line: 1, column: 1 },
      message: expect.stringMatching(
        /^HTTPRoute "default\/zz-old" \(spec\.rules\[0\]\.matches\[0\]\) /,
      ),
    });
  });

  const all = caseNames.flatMap(objectsOf);
  const anyObjects = fc
    .shuffledSubarray(caseNames as string[], { minLength: 1, maxLength: 3 })
    .chain((names) => fc.shuffledSubarray([...new Set(names.flatMap(objectsOf))]));

  test("mean the same in whatever order they come, and whatever was there before", () => {
    fc.assert(
      fc.property(
        anyObjects,
        fc.array(fc.nat({ max: all.length - 1 }), { maxLength: 10 }),
        (objects, before) => {
          const firsts = [...new Map(objects.map((each) => [keyOf(each), each])).values()];
          const store = createResourceStore({ isLive: true });
          const earlier = before.flatMap((at) => all[at] ?? []);
          for (const { object } of earlier) store.putObject(object);
          store.resolve();
          for (const { object } of firsts) store.putObject(object);
          const kept = new Set(firsts.map(keyOf));
          for (const each of earlier) if (!kept.has(keyOf(each))) store.removeObject(idOf(each));
          const sorted = firsts.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
          expect(dataOf(store.resolve())).toEqual(dataOf(fromObjects(sorted)));
          expect(store.resolve().topology).toEqual(fromFiles(sorted).topology);
        },
      ),
      { numRuns: propertyRuns(8, 100) },
    );
  }, 120_000);

  test("mean after each change what a new store finds", () => {
    const step = fc.record({
      at: fc.nat({ max: all.length - 1 }),
      isPut: fc.boolean(),
      edit: fc.constantFrom("", "a", "b"),
    });
    fc.assert(
      fc.property(anyObjects, fc.array(step, { minLength: 1, maxLength: 8 }), (first, steps) => {
        const store = createResourceStore({ isLive: true });
        const held = new Map<string, Named>();
        const put = (each: Named) => {
          held.set(keyOf(each), each);
          store.putObject(each.object);
        };
        for (const each of first) put(each);
        for (const { at, isPut, edit } of steps) {
          // One that is held, or one of another case.
          const [any] = [...held.values(), ...all].slice(at % (held.size + 1));
          const each = any ?? (all[at] as Named);
          if (isPut) put({ ...each, object: edited(each.object, edit) });
          else {
            held.delete(keyOf(each));
            store.removeObject(idOf(each));
          }
          const fresh = createResourceStore({ isLive: true });
          for (const { object } of held.values()) fresh.putObject(object);
          expect(dataOf(store.resolve())).toEqual(dataOf(fresh.resolve()));
        }
      }),
      { numRuns: propertyRuns(10, 150) },
    );
  }, 120_000);
});

/** The object with another value of each text of a few fields, so that what refers to it finds something else. */
function edited(object: JsonObject, edit: string): JsonObject {
  if (edit === "") return object;
  const text = JSON.stringify(object);
  return JSON.parse(
    text
      .replaceAll(
        '"umbra.dev/mirror-credentials":"keep"',
        `"umbra.dev/mirror-credentials":"remove"`,
      )
      .replaceAll('"percent":10', `"percent":${edit === "a" ? 11 : 12}`)
      .replaceAll('"name":"llama"', `"name":"${edit === "a" ? "qwen" : "llama"}"`),
  ) as JsonObject;
}

function idOf({ object }: Named): ObjectId {
  const { apiVersion, kind, metadata } = object as Readonly<Record<string, string>>;
  const { name = "", namespace } = metadata as unknown as Readonly<Record<string, string>>;
  const id = { apiVersion: apiVersion ?? "", kind: kind ?? "", name };
  return namespace === undefined ? id : { ...id, namespace };
}

function keyOf(named: Named): string {
  const { apiVersion, kind, namespace = "", name } = idOf(named);
  return `${apiVersion} ${kind} ${namespace} ${name}`;
}
