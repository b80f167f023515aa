/** What an evaluation is called in admin calls, in the samples file and between threads. Nothing takes it apart. */
export function evaluationKey(route: string, candidate: string): string {
  return `${route} ${candidate}`;
}
