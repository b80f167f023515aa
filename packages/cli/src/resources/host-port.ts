import { UsageError } from "../errors.ts";

/** Reads `host:port` of a flag, IPv6 in brackets. */
export function hostPort(
  text: string,
  flag: string,
): { readonly host: string; readonly port: number } {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  const host = found?.[1] ?? found?.[2];
  if (host === undefined || port > 65_535)
    throw new UsageError(`${flag} takes HOST:PORT, not "${text}"`);
  return { host, port };
}

/** Reads a number of a flag. */
export function numberOf(
  flag: string,
  { min, max }: { min: number; max: number },
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= min && value <= max)) {
      throw new UsageError(`${flag} takes a number from ${min} to ${max}, not "${text}"`);
    }
    return value;
  };
}

/** Reads `samples=N` of `--capture`. */
export function captureCount(text: string): number {
  const count = Number(/^samples=(\d{1,4})$/.exec(text)?.[1]);
  if (!(count >= 1 && count <= 1_000)) {
    throw new UsageError(`--capture takes samples=N, N from 1 to 1000, not "${text}"`);
  }
  return count;
}
