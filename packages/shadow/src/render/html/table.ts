/** A cell of markup. Plain strings are numbers, and stand at the right. */
export type Cell = string | { readonly html: string; readonly className: string };

/** A table of markup: what comes from outside is escaped before. */
export interface TableContent {
  readonly caption: string;
  /** Rows of the head, as `<th>` elements. */
  readonly head: string;
  /** The first cell of each row names it. */
  readonly rows: readonly (readonly Cell[])[];
  readonly className?: string;
}

/** A table that scrolls by itself where the page is narrow. */
export function table({ caption, head, rows, className = "" }: TableContent): string {
  const body = rows.map(([first = "", ...rest]) => {
    const cells = rest.map((cell) => element("td", cell)).join("");
    return `<tr>${element('th scope="row"', first)}${cells}</tr>`;
  });
  return `<div class="card scroll" role="region" aria-label="${caption.replace(/<[^>]*>/g, "")}" tabindex="0"><table class="${className}"><caption><span>${caption}</span></caption><thead>${head}</thead><tbody>${body.join("")}</tbody></table></div>`;
}

/** A row of column heads; those that start with `<` are elements already. */
export function headRow(cells: readonly string[]): string {
  const heads = cells.map((cell) => (cell.startsWith("<") ? cell : `<th scope="col">${cell}</th>`));
  return `<tr>${heads.join("")}</tr>`;
}

function element(tag: string, cell: Cell): string {
  const close = tag.slice(0, 2);
  return typeof cell === "string"
    ? `<${tag}>${cell}</${close}>`
    : `<${tag} class="${cell.className}">${cell.html}</${close}>`;
}
