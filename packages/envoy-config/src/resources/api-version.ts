/** The group of an apiVersion such as `apps/v1`; empty for the core group, which has none. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}
