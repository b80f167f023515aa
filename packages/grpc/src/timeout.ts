const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Parses `grpc-timeout` (at most 8 digits and a unit) in ms; undefined if it is invalid. */
export function readTimeout(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const factor = unitMs[unit ?? ""];
  return factor === undefined ? undefined : Number(digits) * factor;
}
