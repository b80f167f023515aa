import { coordinate, linearAxis, logAxis } from "./axis.ts";
import { frame, plot } from "./frame.ts";

/** Share of pairs whose texts differ before a number of code points. */
type Divergence = readonly (readonly [chars: number, share: number])[];

export interface AgreementCurveOptions {
  readonly shadow: Divergence;
  /** The control with the primary; undefined without one. */
  readonly control: Divergence | undefined;
}

/**
 * Draws as steps the share of pairs that still agree, by characters: of the shadow and of the control with the
 * primary. Undefined with too few steps.
 */
export function agreementCurve({ shadow, control }: AgreementCurveOptions): string | undefined {
  const [own, other] = [known(shadow), known(control ?? [])];
  const least = own[0]?.[0] ?? 0;
  const most = own.at(-1)?.[0] ?? 0;
  if (own.length < 2 || !(least > 0) || !(most > least)) return undefined;
  const x = logAxis({ from: least, to: most, start: plot.left, end: plot.right });
  const y = linearAxis({ from: 0, to: 1, start: plot.bottom, end: plot.top });
  const curve = (points: Divergence, className: string) => {
    const [first, ...rest] = points;
    if (first === undefined) return "";
    const row = (share: number) => coordinate(y.place(1 - share));
    const steps = rest.map(([chars, share]) => `H${coordinate(x.place(chars))}V${row(share)}`);
    return `<path class="${className}" d="M${coordinate(x.place(first[0]))} ${row(first[1])}${steps.join("")}"/>`;
  };
  const last = (points: Divergence) => `${Math.round(100 * (1 - (points.at(-1)?.[1] ?? 0)))} %`;
  const floor = other.length === 0 ? "" : `; of the control ${last(other)}`;
  return frame({
    label: `Share of pairs whose texts agree so far, by characters: after ${most}, ${last(own)} of the shadow's answers still agree with the primary's${floor}`,
    x: { ...x, ticks: own.map(([chars]) => chars) },
    y: { ...y, ticks: [0, 0.25, 0.5, 0.75, 1] },
    xTick: String,
    yTick: (share) => `${Math.round(share * 100)} %`,
    xTitle: "characters, log scale",
    yTitle: "pairs that still agree",
    content: `${curve(other, "p")}${curve(own, "s")}`,
  });
}

function known(points: Divergence): Divergence {
  return points.filter(([chars, share]) => Number.isFinite(chars) && Number.isFinite(share));
}
