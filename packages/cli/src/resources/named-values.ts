import { UsageError } from "../errors.ts";

/** Maps values by name. Throws UsageError for duplicate names, because the first would have no effect. */
export function byName<T>(
  flag: string,
  form: string,
  texts: readonly string[] | undefined,
  read: (text: string, flag: string) => T,
): Map<string, T> {
  const map = new Map<string, T>();
  for (const text of texts ?? []) {
    const [name, value] = split(text, flag, form);
    if (map.has(name)) throw new UsageError(`${flag} names "${name}" twice: remove one`);
    map.set(name, read(value, flag));
  }
  return map;
}

/** Splits `NAME=VALUE`. Throws UsageError without a name. */
export function split(text: string, flag: string, form: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`${flag} expects ${form}, got "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}
