/** A message without its reasons. */
export type Plain = string | number | boolean | null | PlainMap | readonly Plain[];
export type PlainMap = { readonly [field: string]: Plain };
