/** The verdict with its reasons and what to do next, and the checks of the experiment. */
export const verdict: string = `
const verdictSigns = { PASS: "✓", FAIL: "✗", INCONCLUSIVE: "…", INVALID: "!" };
const maxReasons = 8;

function showVerdict({ verdict, evaluation }) {
  if (!isNews("verdict", [verdict, evaluation.is_final])) return;
  const soFar = verdict.status === "INCONCLUSIVE" && !evaluation.is_final ? " so far" : "";
  at("word").textContent = verdictSigns[verdict.status] + " " + verdict.status + soFar;
  at("word").className = at("verdict").className = verdict.status;
  const more = verdict.reasons.length - maxReasons;
  at("reasons").replaceChildren(
    ...verdict.reasons.slice(0, maxReasons).map(({ text }) => make("li", text)),
    ...(more > 0 ? [make("li", "and " + more + " more")] : []),
  );
  at("next").textContent = "Next: " + verdict.next.action;
}

function showFacts({ evaluation, baseline, candidate, funnel }) {
  const name = ({ pool, models }) => (pool || "primary") + (models.length > 0 ? " (" + models.join(", ") + ")" : "");
  at("progress").value = evaluation.horizon_s > 0 ? Math.min(1, evaluation.elapsed_s / evaluation.horizon_s) : 0;
  at("facts").textContent = [
    name(baseline) + " → " + name(candidate),
    clock(evaluation.elapsed_s) + " of " + clock(evaluation.horizon_s),
    count(funnel.eligible) + " eligible, " + count(funnel.sampled) + " sampled, " + count(funnel.dispatched) +
      " mirrored, " + count(funnel.paired) + " paired, " + count(funnel.used) + " used",
  ].join("  ·  ");
}

const checkEffects = { invalid: "✗ broken", inconclusive: "… holds the verdict", warning: "! warning" };

function showChecks({ validity }) {
  if (!isNews("checks", validity)) return;
  at("checks").replaceChildren(...validity.map(({ text, value, limits, ok, effect }) => {
    const [low, high] = limits ?? [null, null];
    const range = low === null ? (high === null ? unknown : "≤ " + high) : high === null ? "≥ " + low : low + " .. " + high;
    const result = ok === null ? "– not known" : ok ? "✓ ok" : checkEffects[effect];
    const colour = ok === null ? "NOT_JUDGED" : ok ? "PASS" : effect === "warning" ? "INCONCLUSIVE" : "FAIL";
    return row([make("th", text, "wrap"), number(value), range, make("td", result, colour)]);
  }));
}
`;
