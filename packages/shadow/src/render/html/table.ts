/** A cell of markup. Plain strings are numbers, and stand at the right. */
export type Cell = string | { readonly html: string; readonly className: string };

/** A table of markup: what comes from outside is escaped before. */
export interface TableContent {
  readonly caption: string;
  /** Heads of the columns; the first is over the rows' names. */
  readonly columns: readonly Cell[];
  /** A row over them that groups them. */
  readonly groups?: string;
  /** The first cell of each row names it. */
  readonly rows: readonly (readonly Cell[])[];
  readonly className?: string;
}

/** A table that scrolls by itself where the page is narrow. */
export function table(content: TableContent): string {
  const { caption, columns, groups = "", rows, className = "" } = content;
  const head = `${groups}<tr>${columns.map((cell) => element('th scope="col"', cell)).join("")}</tr>`;
  const body = rows.map(([first = "", ...rest]) => {
    const cells = rest.map((cell) => element("td", cell)).join("");
    return `<tr>${element('th scope="row"', first)}${cells}</tr>`;
  });
  return `<div class="card scroll" role="region" aria-label="${caption.replace(/<[^>]*>/g, "")}" tabindex="0"><table class="${className}"><caption><span>${caption}</span></caption><thead>${head}</thead><tbody>${body.join("")}</tbody></table></div>`;
}

/** A cell whose content stands at the left, on one line. */
export function left(html: string): Cell {
  return { html, className: "l" };
}

/** A cell of text that may take several lines. */
export function wrapped(html: string): Cell {
  return { html, className: "l wrap" };
}

function element(tag: string, cell: Cell): string {
  const close = tag.slice(0, 2);
  return typeof cell === "string"
    ? `<${tag}>${cell}</${close}>`
    : `<${tag} class="${cell.className}">${cell.html}</${close}>`;
}
