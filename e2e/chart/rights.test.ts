// The chart grants what `umbra serve` asks for in each form, and nothing else. That each right is used, and what it costs
// to lack one, is tried on a real API server: `npm run test:kube`.
import { expect, test } from "@jest/globals";
import { followedKinds } from "../../packages/cli/src/kube/followed-kinds.ts";
import { caseNamed, objectsOf } from "./chart-files.ts";
import { type Right, rightsIn, rightsText } from "./rights.ts";

interface Form {
  readonly chartCase: string;
  readonly namespaces: readonly string[] | "all";
  readonly isRendering: boolean;
  readonly without?: readonly string[];
}

/** The rights to follow what a form follows. */
function following({ namespaces, isRendering, without = [] }: Form): readonly Right[] {
  return followedKinds({ namespaces, isRendering })
    .map(({ group, plural, ...kind }) => ({
      resource: group === "" ? plural : `${plural}.${group}`,
      of: kind.isNamespaced ? (kind.namespaces ?? [undefined]) : [undefined],
    }))
    .filter(({ resource }) => !without.includes(resource))
    .flatMap(({ resource, of }) =>
      of.flatMap((namespace) =>
        ["list", "watch"].map((verb) => ({
          ...{ verb, resource },
          ...(namespace === undefined ? {} : { namespace }),
        })),
      ),
    );
}

test.each<Form>([
  { chartCase: "gateway", namespaces: ["umbra"], isRendering: true },
  { chartCase: "gateway-all", namespaces: "all", isRendering: true },
  {
    chartCase: "gateway-namespaces",
    ...{ namespaces: ["team-a", "team-b"], isRendering: true, without: ["secrets"] },
  },
  { chartCase: "picker", namespaces: ["umbra"], isRendering: false },
  { chartCase: "picker-all", namespaces: ["umbra"], isRendering: false },
])("the form $chartCase has exactly the rights that it uses", (form) => {
  const granted = rightsIn(objectsOf(caseNamed(form.chartCase)));
  expect(rightsText(granted)).toEqual(rightsText(following(form)));
});

test("without rbac.create there are no rights", () => {
  expect(rightsIn(objectsOf(caseNamed("picker-small")))).toEqual([]);
});
