/** What is mirrored where, and what was not mirrored and why. */
export const mirrors: string = `
function showMirrors(mirrors) {
  if (!isNews("mirrors", mirrors)) return;
  at("mirrors").replaceChildren(...mirrors.map((mirror) => {
    const dropped = Object.entries(mirror.dropped).map(([reason, n]) => reason + " " + count(n));
    return row([
      mirror.candidate, mirror.route, mirror.role, number(mirror.percent) + " %" + (mirror.by ? " by " + mirror.by : ""),
      count(mirror.inFlight), count(mirror.mirrored), dropped.join(", ") || "none", mirrorState(mirror),
    ]);
  }));
  if (mirrors.length === 0) at("mirrors").append(nothing("Nothing is mirrored.", 8));
}

function mirrorState({ paused, pausedBy, breaker, percent }) {
  if (pausedBy === "stopped") return make("td", "■ stopped", "NOT_JUDGED");
  if (paused) return make("td", "! paused" + (pausedBy ? " (" + pausedBy + ")" : ""), "INCONCLUSIVE");
  if (breaker === "open" || breaker === "half-open") return make("td", "! breaker " + breaker, "FAIL");
  return percent === 0 ? make("td", "○ share is 0", "NOT_JUDGED") : make("td", "✓ mirroring", "PASS");
}

function nothing(text, columns) {
  const cell = make("td", text, "soft wrap");
  cell.colSpan = columns;
  return row([cell]);
}
`;
