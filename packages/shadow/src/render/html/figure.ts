import { text } from "./escape.ts";

/** Legend of the lanes' lines. */
export const lanesKey =
  '<p class="keys"><span class="key p"></span>primary <span class="key s"></span>shadow</p>';

/** A picture in a card. */
export interface FigureOptions {
  readonly title: string;
  /** Markup; undefined if there is too little data. */
  readonly content: string | undefined;
  /** Caption that explains the picture. */
  readonly below: string;
  /** Markup. */
  readonly key?: string;
}

export function figure({ title, content, below, key = "" }: FigureOptions): string {
  const drawn =
    content === undefined
      ? '<p class="soft">Not enough data yet.</p>'
      : `${key}${content}<figcaption>${text(below)}</figcaption>`;
  return `<figure class="card"><h3>${text(title)}</h3>${drawn}</figure>`;
}
