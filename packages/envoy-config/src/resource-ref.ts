/** The name of a resource whose kind is known. */
export interface ResourceRef {
  readonly namespace: string;
  readonly name: string;
}

/** Formats `<namespace>/<name>`, also the name of an InferencePool's pool. */
export function resourceName({ namespace, name }: ResourceRef): string {
  return `${namespace}/${name}`;
}

/** True if a user's text names the resource: its name, or its namespace and name. */
export function isCalled(resource: ResourceRef, text: string): boolean {
  return text === resource.name || text === resourceName(resource);
}

/** Returns a flag's value for a resource. The full name takes precedence over the short one. */
export function flagOf<T>(flags: ReadonlyMap<string, T>, resource: ResourceRef): T | undefined {
  return flags.get(resourceName(resource)) ?? flags.get(resource.name);
}

export function isSameResource(a: ResourceRef, b: ResourceRef): boolean {
  return a.name === b.name && a.namespace === b.namespace;
}
