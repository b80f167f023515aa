import { printable } from "../printable.ts";

/** A user's labels of a run: image, GPU, commit, link to the CI run. Keys such as `candidate.gpu` belong to a lane. */
export type ReportLabels = Readonly<Record<string, string>>;

const maxLabels = 32;
const maxKeyLength = 63;
const maxValueLength = 256;

/** Labels, or what is wrong with them. */
export type LabelsRead =
  | { readonly ok: true; readonly labels: ReportLabels }
  | { readonly ok: false; readonly problem: string };

/** Reads `key=value` pairs. A repeated key overrides the earlier one. */
export function readLabels(pairs: readonly string[]): LabelsRead {
  const labels = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    const [key, value] = [pair.slice(0, Math.max(0, at)), pair.slice(at + 1)];
    if (at < 1) return problem(pair, "is not key=value");
    if (key.length > maxKeyLength || !/^[A-Za-z0-9][\w./-]*$/.test(key)) {
      return problem(pair, `must have a key of at most ${maxKeyLength} letters, digits and ._/-`);
    }
    if (value.length > maxValueLength) {
      return problem(pair, `must have a value of at most ${maxValueLength} characters`);
    }
    labels.set(key, value);
  }
  if (labels.size > maxLabels)
    return { ok: false, problem: `at most ${maxLabels} labels are allowed` };
  return { ok: true, labels: Object.fromEntries(labels) };
}

function problem(pair: string, why: string): LabelsRead {
  return { ok: false, problem: `"${printable(pair.slice(0, 80))}" ${why}` };
}

/** Labels of a lane, without the prefix; without `lane`, those of no lane. */
export function labelsOf(
  labels: ReportLabels | undefined,
  lane: "baseline" | "candidate" | "control" | undefined,
): readonly (readonly [key: string, value: string])[] {
  const all = Object.entries(labels ?? {}).slice(0, maxLabels);
  if (lane === undefined) {
    return all.filter(([key]) => !/^(baseline|candidate|control)\./.test(key));
  }
  return all
    .filter(([key]) => key.startsWith(`${lane}.`))
    .map(([key, value]) => [key.slice(lane.length + 1), value]);
}
