/** The gates, each with its interval drawn against its margin. */
export const gates: string = `
const gateSigns = { PASS: "✓ PASS", FAIL: "✗ FAIL", INCONCLUSIVE: "… open", NOT_JUDGED: "· not judged" };

function showGates({ gates }) {
  if (!isNews("gates", gates)) return;
  at("gates").replaceChildren(...gates.map((gate) => {
    const change = gate.kind === "rate" ? points : fixed;
    const side = gate.kind === "rate" ? (share) => percent(share, 2) : gate.id === "length" ? number : milliseconds;
    const bounds = isKnown(gate.lower) || isKnown(gate.upper) ? change(gate.lower) + " .. " + change(gate.upper) : unknown;
    const margin = (isKnown(gate.margin_low) ? change(gate.margin_low) + " .. " : "") + change(gate.margin);
    const bar = make("td");
    bar.append(intervalBar(gate, bounds));
    return row([
      gate.id + (gate.required ? "" : " (advisory)"), side(gate.primary), side(gate.shadow), change(gate.estimate),
      bar, bounds, margin, count(gate.n), gateState(gate),
    ]);
  }));
}

function gateState(gate) {
  const cell = make("td", gateSigns[gate.status], gate.status);
  const eta = gate.status === "INCONCLUSIVE" && gate.eta_s ? "about " + duration(gate.eta_s) + " more" : "";
  const note = gate.status === "PASS" ? "" : gate.note;
  const more = [eta, note].filter(Boolean).join("; ");
  if (more) cell.append(make("small", more, "soft"));
  return cell;
}

/** Distances are in margins, so that one line through all rows is the margin and another is equality. */
const [equalAt, marginAt] = [35, 60];

function intervalBar(gate, bounds) {
  const bar = make("span", undefined, "bar");
  bar.title = "interval " + bounds;
  const equal = gate.kind === "rate" ? 0 : 1;
  const above = Math.abs(gate.margin - equal) || 0.01;
  const below = isKnown(gate.margin_low) ? Math.abs(equal - gate.margin_low) || 0.01 : above;
  const place = (value) => {
    const distance = (value - equal) / (value < equal ? below : above);
    return equalAt + distance * (marginAt - equalAt);
  };
  const inside = (at) => Math.min(100, Math.max(0, at));
  const mark = (name, left, right = left) => {
    const element = make("i", undefined, name);
    element.style.left = inside(left) + "%";
    if (right > left) element.style.width = inside(right) - inside(left) + "%";
    bar.append(element);
  };
  mark("equal", equalAt);
  if (isKnown(gate.margin_low)) mark("limit", place(gate.margin_low));
  mark("limit", marginAt);
  const [lower, upper] = [isKnown(gate.lower) ? place(gate.lower) : 0, isKnown(gate.upper) ? place(gate.upper) : 100];
  if (isKnown(gate.lower) || isKnown(gate.upper)) mark("interval", lower, upper);
  if (isKnown(gate.estimate)) mark("estimate", place(gate.estimate));
  if (upper > 100) bar.append(make("b", "›", "beyond"));
  if (lower < 0) bar.append(make("b", "‹", "short-of"));
  return bar;
}
`;
