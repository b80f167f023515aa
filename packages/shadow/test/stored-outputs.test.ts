import { expect, test } from "@jest/globals";
import { createSampleStore, parseSample, type Sample } from "@umbra/shadow";
import fc from "fast-check";
import { leg, sample } from "./fixtures.ts";

const names = { route: "default/route", candidate: "default/pool-b" };
const flag = fc.constantFrom(0, 1, null);
const share = fc.option(fc.integer({ min: 0, max: 1_000 }).map((n) => n / 1_000));
const count = fc.option(fc.nat(100_000));

const req = fc.record({
  decode: fc.constantFrom("greedy", "seeded", "sampled", null),
  shape: fc.constantFrom("text", "json", "tools", null),
  model: fc.constantFrom("llama", "other", null),
  tools: count,
  script: fc.constantFrom("Latin", "mixed", null),
});
const out = fc.record({
  ...{ cut: fc.boolean(), refusal: fc.constantFrom(0, 1), loop: fc.constantFrom(0, 1) },
  ...{ rep4: share.map((each) => each ?? 0), calls: fc.nat(64), toolBad: flag, ppl: share },
  json: fc.constantFrom("valid", "fenced", "invalid", null),
  schema: fc.constantFrom("valid", "unchecked", null),
  script: fc.constantFrom("Latin", "mixed", null),
});
const cmp = fc.oneof(
  fc.record({
    ...{ exact: flag, lcp: count, lcpShare: share, sim: share, jsonEqual: flag, jsonKeys: share },
    tool: fc.constantFrom("none", "one_only", "differ", "same_names", "same_args", null),
    ...{ toolF1: share, lpTokens: count, lpAbs: share, lpDiff: share, nearTie: flag },
  }),
  fc.record({ why: fc.constantFrom("memory", "encoding", "media", "time", "disabled") }),
);
const judged = fc.record({
  ...{ w: fc.constantFrom(0, 0.5, 1), ab: fc.constantFrom("A", "B", "tie") },
  ...{ ba: fc.constantFrom("A", "B", "tie"), pi: fc.constantFrom(0.02, 0.2, 1) },
  ...{ promptTokens: count, completionTokens: count },
});
const absent = { nil: undefined };

/** A sample as its file has it, with any of the fields about answers. */
const sampleWithOutputs = fc
  .tuple(
    fc.nat(1_000_000),
    fc.record({ req: fc.option(req, absent), cmp: fc.option(cmp, absent) }),
    fc.option(judged, absent),
    fc.tuple(fc.option(out, absent), fc.option(out, absent)),
  )
  .map(([at, fields, verdict, [first, second]]) => {
    const of = (output: unknown) => ({ ...leg({ tpoc: null, stall: null }), out: output });
    const legs = { primary: of(first), shadow: of(second) };
    const text = JSON.stringify({
      ...sample(at, { lag: null }),
      ...fields,
      judged: verdict,
      ...legs,
    });
    const parsed = parseSample(text);
    if (!parsed.ok) throw new Error(`no sample: ${text}`);
    return parsed.sample;
  });

test("a store gives back all that it took about answers", () => {
  fc.assert(
    fc.property(fc.array(sampleWithOutputs, { minLength: 1, maxLength: 6 }), (samples) => {
      const store = createSampleStore(names, 10);
      for (const each of samples) store.add(each);
      expect([...store.all()]).toEqual(samples as Sample[]);
    }),
  );
});

test("samples without answers have no fields about them", () => {
  const store = createSampleStore(names, 10);
  store.add(sample(1));
  store.add({ ...sample(2), primary: { ...sample(2).primary } });
  for (const each of store.all()) {
    expect(Object.keys(each)).not.toEqual(expect.arrayContaining(["req"]));
    expect(each.primary.out).toBeUndefined();
  }
});
