/** The name of an evaluation in admin calls, in the samples file and between threads. Never parsed. */
export function evaluationKey(route: string, candidate: string): string {
  return `${route} ${candidate}`;
}
