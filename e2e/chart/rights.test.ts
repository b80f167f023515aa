// The chart grants what `umbra serve` asks for in each form, and nothing else. That each right is used, and what it costs
// to lack one, is tried on a real API server: `npm run test:kube`.
import { describe, expect, test } from "@jest/globals";
import { followedKinds } from "../../packages/cli/src/kube/followed-kinds.ts";
import { caseNamed, objectsOf } from "./chart-files.ts";
import { podOf } from "./pod.ts";
import { type Right, rightsIn, rightsText } from "./rights.ts";

interface NamedRule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface Form {
  readonly chartCase: string;
  readonly namespaces: readonly string[] | "all";
  readonly isRendering: boolean;
  readonly without?: readonly string[];
  /** Its own namespace is not among those that it follows. */
  readonly isElsewhere?: true;
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

type StatusKind = readonly [plural: string, group: string];

const policies: StatusKind = ["shadowpolicies", "umbra.dev"];
const gatewayClasses: StatusKind = ["gatewayclasses", "gateway.networking.k8s.io"];
const rendered: readonly StatusKind[] = [
  ["gateways", "gateway.networking.k8s.io"],
  ["httproutes", "gateway.networking.k8s.io"],
  ["inferencepools", "inference.networking.k8s.io"],
];

/** The rights to write statuses, as docs/kubernetes.md lists them. */
function writing({ namespaces, isRendering }: Form): readonly Right[] {
  const kinds = [policies, ...(isRendering ? rendered : [])];
  const of = namespaces === "all" ? [{}] : namespaces.map((namespace) => ({ namespace }));
  const followed = of.flatMap((where) => kinds.flatMap((kind) => ofStatus(kind, where)));
  const leases = { resource: "leases.coordination.k8s.io", namespace: "umbra" };
  const definitions = "customresourcedefinitions.apiextensions.k8s.io";
  return [
    ...["create", "get", "update"].map((verb) => ({ verb, ...leases })),
    ...followed,
    ...(isRendering ? ofStatus(gatewayClasses, {}) : []),
    ...(isRendering ? [{ verb: "get", resource: definitions }] : []),
  ];
}

function ofStatus([plural, group]: StatusKind, where: Pick<Right, "namespace">): Right[] {
  return [
    { verb: "get", resource: `${plural}.${group}`, ...where },
    { verb: "patch", resource: `${plural}/status.${group}`, ...where },
  ];
}

/** The rights to find other replicas. */
const findingPeers: readonly Right[] = ["list", "watch"].map((verb) => ({
  ...{ verb, resource: "endpointslices.discovery.k8s.io", namespace: "umbra" },
}));

const forms: readonly Form[] = [
  { chartCase: "gateway", namespaces: ["umbra"], isRendering: true },
  { chartCase: "gateway-all", namespaces: "all", isRendering: true },
  {
    chartCase: "gateway-namespaces",
    ...{ namespaces: ["team-a", "team-b"], isRendering: true, without: ["secrets"] },
    isElsewhere: true,
  },
  { chartCase: "picker", namespaces: ["umbra"], isRendering: false },
  { chartCase: "picker-all", namespaces: ["umbra"], isRendering: false },
];

function usedBy(form: Form): readonly string[] {
  const peers = form.isElsewhere === true ? findingPeers : [];
  return rightsText([...following(form), ...writing(form), ...peers]);
}

describe.each(forms)("the form $chartCase", (form) => {
  const granted = rightsText(rightsIn(objectsOf(caseNamed(form.chartCase))));

  test.each(usedBy(form))("has the right %s, once", (right) => {
    expect(granted.filter((each) => each === right)).toEqual([right]);
  });

  test("has no other right", () => {
    const used = new Set(usedBy(form));
    expect(granted.filter((each) => !used.has(each))).toEqual([]);
  });
});

test("without statuses there are only the rights to follow", () => {
  const form = { chartCase: "picker-quiet", namespaces: ["umbra"], isRendering: false };
  const granted = rightsIn(objectsOf(caseNamed(form.chartCase)));
  expect(rightsText(granted)).toEqual(rightsText(following(form)));
});

test.each(["gateway", "gateway-all", "gateway-namespaces", "picker", "picker-all"])(
  "in the form %s, single objects are named where their names are known",
  (chartCase) => {
    const objects = objectsOf(caseNamed(chartCase));
    const { containers } = podOf(objects);
    const lease = containers
      .flatMap(({ args = [] }) => args)
      .find((each) => each.startsWith("--lease="))
      ?.slice("--lease=".length);
    const rules = objects.flatMap(({ rules: each = [] }) => each as readonly NamedRule[]);
    const unnamed = rules.filter(
      ({ resources, verbs, resourceNames }) =>
        /^(?:leases|customresourcedefinitions)$/.test(resources.join(" ")) &&
        !verbs.includes("create") &&
        resourceNames?.length !== 1,
    );
    expect(unnamed).toEqual([]);
    const ofLeases = rules.filter(({ resources }) => resources.includes("leases"));
    expect(ofLeases.map(({ verbs, resourceNames }) => [verbs, resourceNames])).toEqual([
      [["create"], undefined],
      [["get", "update"], [lease]],
    ]);
  },
);

test("without rbac.create there are no rights", () => {
  expect(rightsIn(objectsOf(caseNamed("picker-small")))).toEqual([]);
});
