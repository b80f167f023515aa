import type { RequestKind } from "../measure/request-kind.ts";
import type { SampleJudged } from "../samples/judged-fields.ts";
import type {
  SampleAgreement,
  SampleOutput,
  SampleRequest,
  SkipReason,
} from "../samples/output-fields.ts";
import type { Sample, SampleLeg } from "../samples/sample.ts";

type Lengths = readonly [primary: number | null, shadow: number | null];

/** Two compared answers, and how far they agree. */
export interface OutputPair {
  /** Dispatch of the primary, in ms since the epoch. */
  readonly atMs: number;
  /** Hash of the session; null if the request has none. */
  readonly session: string | null;
  readonly request: SampleRequest;
  /** Kind of the request, as the picker determined it; undefined if it did not. */
  readonly kind: RequestKind | undefined;
  readonly isStream: boolean;
  readonly promptBytes: number | null;
  readonly primary: SampleOutput;
  readonly shadow: SampleOutput;
  readonly agreement: SampleAgreement;
  /** Agreement of the control's answer with the primary's; undefined if there is no control answer. */
  readonly floor: SampleAgreement | undefined;
  /** The control's answer; undefined if there is none or it was not checked. */
  readonly control: SampleOutput | undefined;
  /** Length of the control's answer, in code points; null if unknown. */
  readonly controlChars: number | null;
  /** The judge model's verdict on the shadow's answer against the primary's; the next field is for the control's. */
  readonly judged: SampleJudged | undefined;
  readonly controlJudged: SampleJudged | undefined;
  /** Code points of both answers; null if unknown. */
  readonly chars: Lengths;
  /** Prompt tokens, counted by each lane. They are equal if both lanes build the same text from the messages. */
  readonly promptTokens: Lengths;
}

/** The compared pairs, and the number of pairs that were not compared. */
export interface OutputPairs {
  /** In order of dispatch. */
  readonly pairs: readonly OutputPair[];
  /** Number of pairs whose legs are both ok, compared or not. */
  readonly ok: number;
  /** Pairs that were not compared, by reason. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
}

const unknownRequest: SampleRequest = {
  ...{ decode: null, shape: null, model: null, tools: null, script: null },
};

/** The control's answer to a request: how fast, and how far it agrees with the primary's. */
export interface ControlAnswer {
  readonly leg: SampleLeg;
  readonly agreement: SampleAgreement | undefined;
  readonly judged: SampleJudged | undefined;
}

/** Collects the pairs whose samples describe the answers. */
export class OutputBuilder {
  readonly #pairs: OutputPair[] = [];
  readonly #skipped: { readonly atMs: number; readonly why: SkipReason }[] = [];
  readonly #okAtMs: number[] = [];

  add(sample: Sample, again?: ControlAnswer): void {
    const { t0, session, req, request, primary, shadow, cmp } = sample;
    if (primary.class !== "ok" || shadow?.class !== "ok") return;
    this.#okAtMs.push(t0);
    if (cmp?.why != null) this.#skipped.push({ atMs: t0, why: cmp.why });
    if (primary.out === undefined || shadow.out === undefined) return;
    if (cmp === undefined || cmp.why !== null) return;
    this.#pairs.push({
      ...{ atMs: t0, session, request: req ?? unknownRequest },
      ...{ primary: primary.out, shadow: shadow.out, agreement: cmp },
      ...{ floor: again?.agreement, control: again?.leg.out },
      controlChars: again?.leg.outChars ?? null,
      ...{ judged: sample.judged, controlJudged: again?.judged },
      ...{ kind: request ?? undefined, isStream: primary.stream === true },
      promptBytes: primary.promptBytes,
      chars: [primary.outChars, shadow.outChars],
      promptTokens: [primary.promptTokens, shadow.promptTokens],
    });
  }

  /** Pairs from `fromMs` on; undefined if no answers were compared, or comparing is off. */
  build(fromMs: number): OutputPairs | undefined {
    const skipped: Partial<Record<SkipReason, number>> = {};
    for (const { atMs, why } of this.#skipped) {
      if (atMs >= fromMs) skipped[why] = (skipped[why] ?? 0) + 1;
    }
    const isWanted = this.#skipped.some(({ why }) => why !== "disabled");
    if (this.#pairs.length === 0 && !isWanted) return undefined;
    return {
      pairs: this.#pairs.filter(({ atMs }) => atMs >= fromMs).toSorted((a, b) => a.atMs - b.atMs),
      ok: this.#okAtMs.filter((atMs) => atMs >= fromMs).length,
      skipped,
    };
  }
}
