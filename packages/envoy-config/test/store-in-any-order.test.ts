import { expect, test } from "@jest/globals";
import { createResourceStore, type ResourceStore, readTopology } from "@umbra/envoy-config";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { dataOf } from "./resolved-data.ts";

/** Documents that refer to each other, good and bad. Names are few, so that files have the same objects. */
const anyDocument: fc.Arbitrary<string> = fc.oneof(
  fc
    .record({
      name: fc.constantFrom("chat", "code"),
      path: fc.constantFrom("/a", "/b", "no-path"),
      backend: fc.constantFrom("llama", "qwen", "lost"),
      more: fc.constantFrom("", ", zzz: 1", ", name: a, name: b", ", timeouts: {request: soon}"),
    })
    .map(
      ({ name, path, backend, more }) =>
        `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: ${name}}\nspec:\n  parentRefs: [{name: gw}]\n  rules:\n    - {matches: [{path: {value: ${path}}}], backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: ${backend}}]${more}}\n`,
    ),
  fc
    .record({ name: fc.constantFrom("llama", "qwen"), mode: fc.constantFrom("buffered", "wrong") })
    .map(
      ({ name, mode }) =>
        `apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata:\n  name: ${name}\n  annotations: {umbra.dev/endpoints: "10.0.0.1:8000", umbra.dev/pick-mode: ${mode}}\nspec: {selector: {matchLabels: {app: x}}, targetPorts: [{number: 8000}]}\n`,
    ),
  fc.constantFrom(
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec: {gatewayClassName: umbra, listeners: [{name: http, port: 8080, protocol: HTTP}]}\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: [secret]\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: llama}\nspec: {ports: &ports [{port: 80}]}\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: other}\nspec: {ports: *ports}\n",
    "apiVersion: v1\nkind: Thing\nmetadata: {name: t}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: '--- no separator'}\n",
    "static_resources: {}\n",
    "",
    "- a list\n",
    "# only a comment\n",
    "kind: [\n",
  ),
);

const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.record({
      document: anyDocument,
      separator: fc.constantFrom(
        ...["---\n", "---\n", "---\n", "--- # a\n", "---\r\n", "\n\n---\n", "...\n---\n"],
        "...\n%YAML 1.2\n---\n",
      ),
    }),
    { maxLength: 5 },
  )
  .map((parts) => parts.map(({ separator, document }) => separator + document).join(""));

type Step =
  | { readonly kind: "put"; readonly name: string; readonly text: string }
  | { readonly kind: "remove" | "keep"; readonly name: string };

const anyName = fc.constantFrom("a.yaml", "b.yaml", "c.yaml");
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("put" as const), name: anyName, text: anyText }),
  },
  fc.record({ kind: fc.constantFrom("remove" as const, "keep" as const), name: anyName }),
);

function take(store: ResourceStore, step: Step): void {
  if (step.kind === "put") store.put(step);
  else if (step.kind === "keep") store.keep(step.name, "EACCES");
  else store.remove(step.name);
}

function isGood({ name, text }: { readonly name: string; readonly text: string }): boolean {
  const alone = createResourceStore();
  alone.put({ name, text });
  return alone.resolve().staleFiles.length === 0;
}

/** The steps that lead to the same files with no detour: the last good text of each file, and its last step. */
function shortestWay(steps: readonly Step[]): readonly Step[] {
  return [...Map.groupBy(steps, ({ name }) => name).values()].flatMap((own) => {
    const since = own.slice(own.findLastIndex(({ kind }) => kind === "remove") + 1);
    const good = since.findLast((each) => each.kind === "put" && isGood(each));
    return [...(good === undefined ? [] : [good]), ...since.slice(-1)];
  });
}

test("any way to the same files means the same, with the same places", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 12 }), fc.boolean(), (steps, isLooking) => {
      const changed = createResourceStore({ isLive: true });
      for (const step of steps) {
        take(changed, step);
        if (isLooking) changed.resolve();
      }
      const fresh = createResourceStore({ isLive: true });
      for (const step of shortestWay(steps).toReversed().toSorted(byKind)) take(fresh, step);
      expect(dataOf(changed.resolve())).toEqual(dataOf(fresh.resolve()));
      expect(dataOf(changed.resolve())).toEqual(dataOf(fresh.resolve()));
    }),
    { numRuns: propertyRuns(8, 100) },
  );
}, 120_000);

/** A file's good text comes before what makes it stale; the order of the files does not matter. */
function byKind(a: Step, b: Step): number {
  return Number(isLastGood(b)) - Number(isLastGood(a));
}

function isLastGood(step: Step): boolean {
  return step.kind === "put" && isGood(step);
}

test("a text in segments means what the parser of whole texts finds", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      // An end of a document keeps the text whole.
      const asWhole = readTopology([{ name: "x", text: `${text}---\n...\n` }]);
      expect(readTopology([{ name: "x", text: `${text}---\n#\n` }])).toEqual(asWhole);
    }),
    { numRuns: propertyRuns(10, 150) },
  );
}, 120_000);
