/** How long a simulation may take, by name. */
export interface Form {
  /** Runs of a cell that is watched live and whose share is 1. */
  readonly runs: number;
  /** Cells that it has: all, those with bars, or a few with strong ones. */
  readonly cells: "all" | "barred" | "few";
  /** Evaluations of each row about what answers say. */
  readonly outputRuns: number;
}

export const forms = {
  hours: { runs: 500, cells: "all", outputRuns: 200 },
  nightly: { runs: 30, cells: "barred", outputRuns: 100 },
  minute: { runs: 12, cells: "few", outputRuns: 4 },
} as const satisfies Readonly<Record<string, Form>>;

export type FormName = keyof typeof forms;

export function isFormName(name: string): name is FormName {
  return Object.hasOwn(forms, name);
}
