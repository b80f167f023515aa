/** A resource of a known kind. */
export interface ResourceRef {
  readonly namespace: string;
  readonly name: string;
}

/** `<namespace>/<name>`: of a resource, of an InferencePool's pool. */
export function resourceName({ namespace, name }: ResourceRef): string {
  return `${namespace}/${name}`;
}

/** Whether people mean the resource: they write its name, or its namespace and name. */
export function isCalled(resource: ResourceRef, text: string): boolean {
  return text === resource.name || text === resourceName(resource);
}

/** What a flag says of a resource. The full name goes before the short one. */
export function flagOf<T>(flags: ReadonlyMap<string, T>, resource: ResourceRef): T | undefined {
  return flags.get(resourceName(resource)) ?? flags.get(resource.name);
}

export function isSameResource(a: ResourceRef, b: ResourceRef): boolean {
  return a.name === b.name && a.namespace === b.namespace;
}
