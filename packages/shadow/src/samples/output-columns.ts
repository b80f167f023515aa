import { decodings } from "../compare/compared-request.ts";
import { jsonStates } from "../compare/json-answer.ts";
import { schemaStates } from "../compare/schema-check.ts";
import { scripts } from "../compare/script.ts";
import { toolLevels } from "../compare/tool-calls.ts";
import { requestShapes } from "../measure/request-kind.ts";
import { judgeFailures, type SampleJudged, verdicts } from "./judged-fields.ts";
import {
  type SampleAgreement,
  type SampleOutput,
  type SampleRequest,
  skipReasons,
} from "./output-fields.ts";
import type { Sample } from "./sample.ts";

/** How a field is kept as a number: as it is, as 0 or 1, or by its place in a list of names. Null is NaN. */
type Coding = "number" | "flag" | readonly string[];
/** Every field has one, so that none can be left out of memory. */
type Codings<Fields> = Readonly<Record<keyof Fields, Coding>>;

const requestCodings: Codings<Omit<SampleRequest, "model">> = {
  ...{ decode: decodings, shape: requestShapes, tools: "number", script: scripts },
};

const outputCodings: Codings<SampleOutput> = {
  ...{ cut: "flag", refusal: "number", loop: "number", rep4: "number" },
  ...{ json: jsonStates, schema: schemaStates, calls: "number", toolBad: "number" },
  ...{ script: scripts, ppl: "number" },
};

const agreementCodings: Codings<SampleAgreement> = {
  ...{ exact: "number", lcp: "number", lcpShare: "number", sim: "number", jsonEqual: "number" },
  ...{ jsonKeys: "number", tool: toolLevels, toolF1: "number", lpTokens: "number" },
  ...{ lpAbs: "number", lpDiff: "number", nearTie: "number", why: skipReasons },
};

const judgedCodings: Codings<SampleJudged> = {
  ...{ w: "number", ab: verdicts, ba: verdicts, pi: "number", promptTokens: "number" },
  ...{ completionTokens: "number", why: judgeFailures },
};

/** What is known of the answers of samples, as rows of numbers: about 400 bytes per sample. */
export interface OutputColumns {
  write(row: number, sample: Sample): void;
  /** The fields of the sample itself, and those of its legs. */
  read(row: number): OutputsOfSample;
}

export interface OutputsOfSample {
  readonly sample: Pick<Sample, "req" | "cmp" | "judged">;
  readonly primary: { readonly out?: SampleOutput };
  readonly shadow: { readonly out?: SampleOutput };
}

/** Returns whether answers of a sample were looked at. */
export function hasOutputs({ req, cmp, judged, primary, shadow }: Sample): boolean {
  return [req, cmp, judged, primary.out, shadow?.out].some((each) => each !== undefined);
}

/** Creates room for a number of samples. `names` keeps the names of models. */
export function createOutputColumns(
  rows: number,
  names: { codeOf(name: string | null): number; nameOf(code: number): string | null },
): OutputColumns {
  const [request, model] = [createFields<Omit<SampleRequest, "model">>(requestCodings), 1];
  const output = createFields<SampleOutput>(outputCodings);
  const agreement = createFields<SampleAgreement>(agreementCodings);
  const judged = createFields<SampleJudged>(judgedCodings);
  const width = request.width + model + 2 * output.width + agreement.width + judged.width;
  const values = new Float64Array(rows * width).fill(Number.NaN);

  function placesOf(row: number) {
    const req = row * width + model;
    const primary = req + request.width;
    const shadow = primary + output.width;
    const cmp = shadow + output.width;
    return { model: row * width, req, primary, shadow, cmp, judged: cmp + agreement.width };
  }

  return {
    write(row, sample) {
      const at = placesOf(row);
      values[at.model] = names.codeOf(sample.req?.model ?? null);
      request.write(values, at.req, sample.req);
      output.write(values, at.primary, sample.primary.out);
      output.write(values, at.shadow, sample.shadow?.out);
      agreement.write(values, at.cmp, sample.cmp);
      judged.write(values, at.judged, sample.judged);
    },
    read(row) {
      const at = placesOf(row);
      const asked = request.read(values, at.req);
      const req = asked && { ...asked, model: names.nameOf(values[at.model] ?? 0) };
      const [cmp, verdict] = [agreement.read(values, at.cmp), judged.read(values, at.judged)];
      return {
        sample: {
          ...(req === undefined ? {} : { req }),
          ...(cmp === undefined ? {} : { cmp }),
          ...(verdict === undefined ? {} : { judged: verdict }),
        },
        primary: outOf(output.read(values, at.primary)),
        shadow: outOf(output.read(values, at.shadow)),
      };
    },
  };
}

function outOf(out: SampleOutput | undefined): { readonly out?: SampleOutput } {
  return out === undefined ? {} : { out };
}

/** Writes and reads one group of fields. The first number says whether the group is there. */
function createFields<Fields extends object>(codings: Codings<Fields>) {
  const fields = Object.entries<Coding>(codings) as [keyof Fields & string, Coding][];
  // A judge reads all rows at each interim analysis: copies of an object with all fields are made at once.
  const empty = Object.fromEntries(fields.map(([field]) => [field, null]));
  return {
    width: fields.length + 1,
    write(values: Float64Array, at: number, group: Fields | undefined): void {
      if (group === undefined) return;
      values[at] = 1;
      fields.forEach(([field, coding], i) => {
        values[at + 1 + i] = codeOf(group[field], coding);
      });
    },
    read(values: Float64Array, at: number): Fields | undefined {
      if (values[at] !== 1) return undefined;
      const group: Record<string, unknown> = { ...empty };
      let place = at;
      for (const [field, coding] of fields) {
        const code = values[++place] ?? Number.NaN;
        if (!Number.isNaN(code)) group[field] = decoded(code, coding);
      }
      return group as Fields;
    },
  };
}

function codeOf(value: unknown, coding: Coding): number {
  if (value === null || value === undefined) return Number.NaN;
  return typeof coding === "string" ? Number(value) : coding.indexOf(value as string);
}

function decoded(code: number, coding: Coding): number | boolean | string | null {
  if (coding === "flag") return code === 1;
  return coding === "number" ? code : (coding[code] ?? null);
}
