import { text } from "./escape.ts";

/** Which line is which lane. */
export const lanesKey =
  '<p class="keys"><span class="key p"></span>primary <span class="key s"></span>shadow</p>';

/** A picture in a card. */
export interface FigureOptions {
  readonly title: string;
  /** Markup; undefined where there is too little to draw. */
  readonly content: string | undefined;
  /** What the picture says, in words. */
  readonly below: string;
  /** Markup. */
  readonly key?: string;
}

export function figure({ title, content, below, key = "" }: FigureOptions): string {
  const drawn =
    content === undefined
      ? '<p class="soft">Too little to draw yet.</p>'
      : `${key}${content}<figcaption>${text(below)}</figcaption>`;
  return `<figure class="card"><h3>${text(title)}</h3>${drawn}</figure>`;
}
