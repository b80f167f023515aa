/** A cell of markup. Plain strings are numbers and are right-aligned. */
export type Cell = string | { readonly html: string; readonly className: string };

/** A table of markup. Text from outside must already be escaped. */
export interface TableContent {
  readonly caption: string;
  /** Column headings; the first is that of the rows' names. */
  readonly columns: readonly Cell[];
  /** A heading row above them that groups columns. */
  readonly groups?: string;
  /** The first cell of each row names it. */
  readonly rows: readonly (readonly Cell[])[];
  readonly className?: string;
}

/** Renders a table that scrolls horizontally on a narrow page. */
export function table(content: TableContent): string {
  const { caption, columns, groups = "", rows, className = "" } = content;
  const head = `${groups}<tr>${columns.map((cell) => element('th scope="col"', cell)).join("")}</tr>`;
  const body = rows.map(([first = "", ...rest]) => {
    const cells = rest.map((cell) => element("td", cell)).join("");
    return `<tr>${element('th scope="row"', first)}${cells}</tr>`;
  });
  return `<div class="card scroll" role="region" aria-label="${caption.replace(/<[^>]*>/g, "")}" tabindex="0"><table class="${className}"><caption><span>${caption}</span></caption><thead>${head}</thead><tbody>${body.join("")}</tbody></table></div>`;
}

/** A left-aligned cell on one line. */
export function left(html: string): Cell {
  return { html, className: "l" };
}

/** A left-aligned cell that may wrap. */
export function wrapped(html: string): Cell {
  return { html, className: "l wrap" };
}

function element(tag: string, cell: Cell): string {
  const close = tag.slice(0, 2);
  return typeof cell === "string"
    ? `<${tag}>${cell}</${close}>`
    : `<${tag} class="${cell.className}">${cell.html}</${close}>`;
}
