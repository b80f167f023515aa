import { admitAll, createAdmission } from "../admission/admission.ts";
import type { InferenceRequest } from "../model/request.ts";
import { maxScorePicker } from "../pickers/max-score.ts";
import type { PrefixOptions } from "../pool/prefix-view.ts";
import type { PoolOptions, ProfileRule } from "../pool/types.ts";
import { createProfile, type Profile } from "../profile.ts";
import { defaultProfile } from "../profiles/default.ts";
import { withServingFilters } from "../profiles/serving.ts";
import { type FlowSettings, type PluginOf, pluginOfKind, readFlowControl } from "./flow-control.ts";
import { type ConfigNode, configNode, present } from "./node.ts";
import {
  type CreateDetector,
  type MadePlugin,
  pluginTypes,
  readUtilizationDetector,
} from "./plugin-types.ts";
import type { ConfigProblem } from "./problem.ts";
import { unsupportedPlugins } from "./unsupported-plugins.ts";

const pickerConfigVersions: readonly string[] = [
  "llm-d.ai/v1alpha1",
  "inference.networking.x-k8s.io/v1alpha1",
];

/** The request attribute by which `header-profile-handler` chooses: the value of the `EPP-Profile` header. */
export const profileAttribute = "epp-profile";

/** The configuration, or every problem that was found in it. */
export type PickerConfigResult =
  | { readonly ok: true; readonly config: PickerConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** A parsed `EndpointPickerConfig`, ready to create pools from. */
export interface PickerConfig {
  /** Returns options for `createPool`. Call it once per pool, because plugins keep state. */
  poolOptions(): Pick<PoolOptions, "profiles" | "admission" | "prefix" | "maxFallbacks">;
  /** How requests are queued; undefined if there is no queue. */
  readonly flow: FlowSettings | undefined;
}

interface NamedPlugin {
  readonly type: string;
  readonly made: MadePlugin;
}

interface Plugins {
  readonly byName: ReadonlyMap<string, NamedPlugin>;
  /** Undefined plugin names that have been reported. */
  readonly missing: Set<string>;
}

/**
 * Reads a parsed `EndpointPickerConfig`, the configuration of the reference endpoint picker. Its plugin types map to
 * Umbra's; Umbra's own types may be named as well. Reports every problem in one pass.
 */
export function readPickerConfig(value: unknown): PickerConfigResult {
  const problems: ConfigProblem[] = [];
  const top = configNode(value, [], problems);
  checkTop(top);
  const hasQueue = top.at("featureGates").texts().includes("flowControl");
  const plugins = readPlugins(top.at("plugins"));
  const list = top.at("schedulingProfiles");
  const profiles = list.items().map((node) => readProfile(node, plugins));
  const made = [...plugins.byName.values()].map((plugin) => plugin.made);
  const handlers = made.filter((each) => each.kind === "handler");
  const only = handlers.find((each) => each.only !== undefined)?.only;
  const used = only === undefined ? profiles : profiles.filter(({ name }) => name === only);
  if (profiles.length > 0 && used.length === 0) {
    const names = profiles.map(({ name }) => name).join(", ");
    list.report(`has no profile "${only}", the only one that is used: it has ${names}`);
  }
  const fallbacks = made.flatMap((each) => (each.kind === "picker" ? (each.endpoints ?? []) : []));
  const prefix: PrefixOptions = Object.assign(
    {},
    ...made.map((each) => ("prefix" in each ? each.prefix : {})),
  );
  const pluginOf = (node: ConfigNode) => pluginAt(node, plugins)?.made;
  const flow = readFlowControl(top.at("flowControl"), pluginOf);
  const detectorOf = readDetector(top.at("saturationDetector"), pluginOf) ?? flow.detector;
  if (problems.length > 0) return { ok: false, problems: unique(problems) };
  const shedsItself =
    detectorOf === undefined && used.length > 0 && used.every(({ sheds }) => sheds);
  const detector = detectorOf?.(hasQueue);
  // With a queue, no request is refused immediately.
  const admit = () =>
    hasQueue || shedsItself ? admitAll(detector) : createAdmission(present({ detector }));
  const poolOptions = () => ({
    profiles: rules(
      used,
      handlers.some((each) => each.byHeader),
    ),
    admission: admit(),
    prefix,
    ...(fallbacks.length === 0 ? {} : { maxFallbacks: Math.max(...fallbacks) - 1 }),
  });
  return { ok: true, config: { flow: hasQueue ? flow.settings : undefined, poolOptions } };
}

function checkTop(top: ConfigNode): void {
  if (!top.isPresent) top.report("is empty: expected an EndpointPickerConfig");
  top.allowOnly([
    ...["apiVersion", "kind", "metadata", "featureGates", "plugins", "schedulingProfiles"],
    ...["requestHandler", "dataLayer", "flowControl", "saturationDetector", "parser"],
  ]);
  const version = top.at("apiVersion");
  if (version.isPresent && !pickerConfigVersions.includes(version.text() ?? "")) {
    version.report(`must be ${pickerConfigVersions.join(" or ")}`);
  }
}

function readPlugins(list: ConfigNode): Plugins {
  const plugins = new Map<string, NamedPlugin>();
  const refused = new Set<string>();
  for (const node of list.items()) {
    node.allowOnly(["name", "type", "parameters"]);
    const type = node.needed("type").text();
    if (type === undefined) continue;
    const name = node.at("name").text() ?? type;
    const make = pluginTypes.get(type);
    if (make === undefined) {
      if (!refused.has(type)) node.at("type").report(refusalOf(type));
      refused.add(type);
      plugins.set(name, { type, made: { kind: "unknown" } });
      continue;
    }
    if (plugins.has(name)) node.report(`repeats the plugin name \`${name}\`: names must be unique`);
    plugins.set(name, { type, made: make(node.at("parameters")) });
  }
  return { byName: plugins, missing: new Set() };
}

function refusalOf(type: string): string {
  const instead = unsupportedPlugins.get(type);
  if (instead !== undefined) return `names \`${type}\`, which Umbra does not have: ${instead}`;
  const known = [...pluginTypes.keys()].toSorted().join(", ");
  return `is not a plugin that Umbra knows; known plugins are ${known}`;
}

function pluginAt(node: ConfigNode, plugins: Plugins): NamedPlugin | undefined {
  const name = node.text();
  if (name === undefined) {
    if (!node.isPresent) node.report("is missing");
    return undefined;
  }
  const { byName, missing } = plugins;
  const plugin = byName.get(name);
  if (plugin === undefined && !missing.has(name)) {
    const known =
      byName.size === 0
        ? "no plugin is defined"
        : `defined plugins are ${[...byName.keys()].join(", ")}`;
    node.report(`is not the name of a plugin in \`plugins\`: ${known}`);
    missing.add(name);
  }
  return plugin?.made.kind === "unknown" ? undefined : plugin;
}

interface ProfileEntry {
  readonly name: string;
  readonly create: () => Profile;
  readonly sheds: boolean;
  readonly when: ((request: InferenceRequest) => boolean) | undefined;
}

interface ProfilePart {
  readonly made: MadePlugin;
  readonly weight: number;
}

function readProfile(node: ConfigNode, plugins: Plugins): ProfileEntry {
  node.allowOnly(["name", "plugins", "when"]);
  const name = node.at("name").text() ?? "default";
  const parts: ProfilePart[] = [];
  for (const entry of node.at("plugins").items()) {
    entry.allowOnly(["pluginRef", "weight"]);
    const weight = entry.at("weight").number(0);
    const plugin = pluginAt(entry.at("pluginRef"), plugins);
    if (plugin === undefined) continue;
    const { kind } = plugin.made;
    if (weight !== undefined && kind !== "scorer") {
      entry.at("weight").report(`is for scorers; ${plugin.type} is a ${kind}`);
    }
    parts.push({ made: plugin.made, weight: weight ?? 1 });
  }
  const whole = parts.find(({ made }) => made.kind === "profile")?.made;
  if (whole !== undefined && parts.length > 1) {
    node
      .at("plugins")
      .report("contains a whole profile, which can't be combined with other plugins");
  }
  const create = whole?.kind === "profile" ? whole.create : () => profileOf(name, parts);
  const sheds = whole?.kind === "profile" && whole.sheds;
  return { name, create, sheds, when: readWhen(node.at("when")) };
}

function profileOf(name: string, parts: readonly ProfilePart[]): Profile {
  const made = parts.map((part) => part.made);
  const picker = made.find((each) => each.kind === "picker");
  return createProfile({
    name,
    filters: withServingFilters(
      made.flatMap((each) => (each.kind === "filter" ? each.create() : [])),
    ),
    scorers: parts.flatMap(({ made: each, weight }) =>
      each.kind === "scorer" ? [{ scorer: each.create(), weight }] : [],
    ),
    picker: picker?.create() ?? maxScorePicker,
  });
}

/** Reads `when`, Umbra's extension: which requests a profile is for. */
function readWhen(node: ConfigNode): ProfileEntry["when"] {
  if (!node.isPresent) return undefined;
  node.allowOnly(["criticality", "attributes"]);
  const wanted = node
    .at("criticality")
    .items()
    .map((each) => {
      const text = each.text();
      if (text === "Critical" || text === "Standard" || text === "Sheddable") return text;
      each.report("must be Critical, Standard or Sheddable");
      return undefined;
    });
  const attributes = node.at("attributes");
  const pairs = attributes.keys().map((key) => [key, attributes.at(key).text()] as const);
  return (request) =>
    (wanted.length === 0 || wanted.includes(request.criticality ?? "Standard")) &&
    pairs.every(([key, value]) => request.attributes?.[key] === value);
}

/** If profiles are chosen by header, requests without the header use the profile `decode`, or else the first one. */
function rules(entries: readonly ProfileEntry[], byHeader: boolean): readonly ProfileRule[] {
  if (entries.length === 0) return [{ profile: defaultProfile() }];
  if (!byHeader) {
    return entries.map(({ create, when }) => ({
      profile: create(),
      ...(when === undefined ? {} : { when }),
    }));
  }
  const made = entries.map(({ name, create }) => ({ name, profile: create() }));
  const fallback = made.find(({ name }) => name === "decode") ?? made[0];
  return [
    ...made.map(({ name, profile }) => ({
      profile,
      when: ({ attributes }: InferenceRequest) => attributes?.[profileAttribute] === name,
    })),
    { profile: (fallback as { profile: Profile }).profile },
  ];
}

/** Reads the older, top-level place of the saturation detector; flow control has its own. */
function readDetector(node: ConfigNode, pluginOf: PluginOf): CreateDetector | undefined {
  if (!node.isPresent) return undefined;
  const ref = node.at("pluginRef");
  if (!ref.isPresent) return readUtilizationDetector(node);
  return pluginOfKind(ref, "detector", pluginOf)?.create;
}

/** Drops duplicates: every reader of a value of the wrong kind reports it. */
function unique(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const keyOf = ({ path, message }: ConfigProblem) => JSON.stringify([path, message]);
  return [...new Map(problems.map((problem) => [keyOf(problem), problem])).values()];
}
