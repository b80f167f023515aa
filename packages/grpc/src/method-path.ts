import type { DescMethod } from "@bufbuild/protobuf";

/** The HTTP path of a method: `/package.Service/Method`. */
export function methodPath({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}
