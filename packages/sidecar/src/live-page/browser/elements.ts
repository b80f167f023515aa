/** How elements are made and numbers are written. */
export const elements: string = `
const at = (id) => document.getElementById(id);
const unknown = "–";

function make(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className !== undefined) element.className = className;
  return element;
}

/** Cells are texts or ready td elements; the first one heads the row. */
function row(cells, className) {
  const element = make("tr", undefined, className);
  element.append(...cells.map((cell, index) => {
    if (cell instanceof Node) return cell;
    const made = make(index === 0 ? "th" : "td", cell);
    if (index === 0) made.scope = "row";
    return made;
  }));
  return element;
}

const drawn = new Map();
/** False when a place shows this already: what is selected or read aloud there is left in peace. */
function isNews(place, value) {
  const text = JSON.stringify(value);
  if (drawn.get(place) === text) return false;
  drawn.set(place, text);
  return true;
}

const isKnown = (value) => value !== null && value !== undefined;
const fixed = (value, digits = 3) => (isKnown(value) ? value.toFixed(digits) : unknown);
const count = (value) => (isKnown(value) ? value.toLocaleString("en-US") : unknown);
const number = (value) =>
  !isKnown(value) ? unknown : Math.abs(value) >= 1000 ? count(Math.round(value)) : String(Number(value.toPrecision(3)));
const percent = (share, digits = 0) => (isKnown(share) ? (share * 100).toFixed(digits) + " %" : unknown);
const points = (share) => (isKnown(share) ? (share >= 0 ? "+" : "") + (share * 100).toFixed(2) + " pp" : unknown);
const clock = (s) =>
  [s / 3600, (s / 60) % 60, s % 60].map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");

function milliseconds(ms) {
  if (!isKnown(ms)) return unknown;
  if (ms >= 10000) return (ms / 1000).toFixed(1) + " s";
  return ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : 2) + " ms";
}

function duration(s) {
  if (s < 90) return Math.ceil(s) + " s";
  return s < 5400 ? Math.ceil(s / 60) + " min" : (s / 3600).toFixed(1) + " h";
}
`;
