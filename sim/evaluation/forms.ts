/** How long a simulation may take, by name. */
export interface Form {
  /** Runs of a cell whose share is 1. */
  readonly runs: number;
  /** Cells that it has: all, those with bars, or a few with strong ones. */
  readonly cells: "all" | "barred" | "few";
}

export const forms = {
  hours: { runs: 500, cells: "all" },
  nightly: { runs: 40, cells: "barred" },
  minute: { runs: 12, cells: "few" },
} as const satisfies Readonly<Record<string, Form>>;

export type FormName = keyof typeof forms;

export function isFormName(name: string): name is FormName {
  return Object.hasOwn(forms, name);
}
