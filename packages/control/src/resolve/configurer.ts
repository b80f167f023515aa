import { isDeepStrictEqual } from "node:util";
import {
  type Diagnostic,
  type DynamicResources,
  keepStartSettings,
  type Pool,
  type Resolution,
  type ResourceStore,
  renderResources,
  type SourceFile,
  type StatusFacts,
  type Topology,
  withRouteTrial,
} from "@umbra/envoy-config";
import { kinds } from "@umbra/xds";
import { changesBetween } from "../changes/changes.ts";
import type { ConfigurationUpdate, RenderingOptions } from "../configuration-update.ts";
import { createEncoder } from "../encode/encoder.ts";
import type { FileChanges } from "../files/source-files.ts";
import type { ObjectChange } from "../object-change.ts";
import { refusalFindings } from "../refusals/findings.ts";
import { Quarantine } from "../refusals/quarantine.ts";
import type { Refusal } from "../refusals/refusal.ts";
import { finding } from "./finding.ts";
import { withoutOwnInterfaces } from "./own-interfaces.ts";
import { type FilePlace, placesIn, type Sought } from "./places.ts";
import type { PublishedFacts } from "./status-report.ts";

export interface ConfigurerOptions {
  readonly store: ResourceStore;
  readonly rendering: RenderingOptions | undefined;
  readonly ownInterfaces: readonly string[];
  /** What was served before this thread. */
  readonly before?: ServedBefore;
}

/** What a thread that takes over has to know. */
export interface ServedBefore {
  readonly generation: number;
  /** It stays if the files are refused. */
  readonly topology: Topology;
  /** Those of the start: some can't change later. */
  readonly settings: Settings;
  /** What every Envoy has accepted; absent: nothing is known about it. */
  readonly accepted?: Topology;
  /** What Envoys refuse of what was served. */
  readonly refusals: readonly Refusal[];
}

type Settings = Topology["envoy"]["settings"];

/** A configuration that is ready to be served. */
export interface Draft {
  readonly facts: DraftFacts;
  /**
   * True if endpoints differ from what is served, and nothing else that the sidecar or Envoy gets: they may go out at once.
   * Findings may differ too: a pool that loses its last endpoint has one.
   */
  readonly isOfEndpoints: boolean;
}

type DraftFacts = Omit<ConfigurationUpdate, "generation" | "changes" | "changedAtMs">;

/** Turns changes of files into configurations. */
export interface Configurer {
  take(changes: Pick<FileChanges, "put" | "kept" | "removed">): void;
  takeObjects(changes: readonly ObjectChange[]): void;
  /** Puts all resources together. Undefined if nothing differs from what is served. */
  draft(): Draft | undefined;
  /** The draft is served from now on. */
  publish(draft: Draft, changedAtMs: number): ConfigurationUpdate;
  /** Every Envoy refuses a resource that was published. Returns true if there is another draft. */
  refused(refusal: Refusal): boolean;
  /** Every Envoy has all of a generation. Returns true if there is another draft. */
  accepted(generation: number): boolean;
  /** Some Envoy has accepted routes that are tried. Returns true if there is another draft. */
  tried(version: string): boolean;
  /** An earlier process has served what was published last, but Envoy may have refused a part of it. */
  assumeAccepted(): void;
  /** What the statuses of objects are made from; undefined before the first draft. */
  readonly published: PublishedFacts | undefined;
  /** The texts that stale files had when they could be read. */
  readonly lastGood: readonly SourceFile[];
}

export function createConfigurer(options: ConfigurerOptions): Configurer {
  return new Configuring(options);
}

class Configuring implements Configurer {
  readonly #options: ConfigurerOptions;
  readonly #encode = createEncoder();
  /** The present content of the files. */
  readonly #texts = new Map<string, SourceFile>();
  /** What they had when they were good. */
  #good = new Map<string, SourceFile>();
  #served: ConfigurationUpdate | undefined;
  readonly #quarantine = new Quarantine();
  #generation: number;
  #topology: Topology | undefined;
  #startSettings: Settings | undefined;
  #statusFacts: StatusFacts | undefined;

  constructor(options: ConfigurerOptions) {
    this.#options = options;
    this.#generation = options.before?.generation ?? 0;
    this.#topology = options.before?.topology;
    if (options.before !== undefined) {
      const { topology, accepted } = options.before;
      if (accepted === undefined) this.#quarantine.assumeAccepted(topology);
      else this.#quarantine.knowAccepted(accepted);
    }
    this.#startSettings = options.before?.settings;
  }

  take({ put, kept, removed }: Pick<FileChanges, "put" | "kept" | "removed">): void {
    const { store } = this.#options;
    for (const file of put) {
      store.put(file);
      this.#texts.set(file.name, file);
    }
    for (const { name, problem } of kept) store.keep(name, problem);
    for (const name of removed) {
      store.remove(name);
      this.#texts.delete(name);
      this.#good.delete(name);
    }
  }

  takeObjects(changes: readonly ObjectChange[]): void {
    const { store } = this.#options;
    for (const change of changes) {
      if (change.type === "put") store.putObject(change.object);
      else store.removeObject(change.id);
    }
  }

  draft(): Draft | undefined {
    const resolution = this.#options.store.resolve();
    this.#statusFacts = resolution.statusFacts;
    this.#noteGood(resolution);
    const facts = this.#factsOf(resolution);
    const served = this.#served;
    if (served === undefined || !hasSameRest(served, facts)) return { facts, isOfEndpoints: false };
    if (!this.#isServed(facts)) return { facts, isOfEndpoints: true };
    return hasSameFindings(served, facts) ? undefined : { facts, isOfEndpoints: false };
  }

  publish({ facts }: Draft, changedAtMs: number): ConfigurationUpdate {
    const isServed = this.#isServed(facts);
    if (!isServed) this.#generation++;
    const before = this.#topology;
    const changes = before === undefined || isServed ? [] : changesBetween(before, facts.topology);
    this.#topology = facts.topology;
    this.#startSettings ??= facts.topology.envoy.settings;
    const update = { ...facts, generation: this.#generation, changes, changedAtMs };
    this.#served = update;
    this.#quarantine.published(update);
    return update;
  }

  refused(refusal: Refusal): boolean {
    return this.#quarantine.refused(refusal);
  }

  accepted(generation: number): boolean {
    return this.#quarantine.accepted(generation);
  }

  tried(version: string): boolean {
    return this.#quarantine.tried(version);
  }

  assumeAccepted(): void {
    if (this.#topology !== undefined) this.#quarantine.assumeAccepted(this.#topology);
  }

  get published(): PublishedFacts | undefined {
    const statusFacts = this.#statusFacts;
    if (statusFacts === undefined || this.#served === undefined) return undefined;
    const { refusedRoutes, refusedResources } = this.#quarantine;
    return { statusFacts, refusedRoutes, refusedResources, snapshot: this.#served.snapshot };
  }

  get lastGood(): readonly SourceFile[] {
    return (this.#served?.staleFiles ?? []).flatMap(({ file }) => this.#good.get(file) ?? []);
  }

  /** True if the sidecar and Envoy have nothing new to get. */
  #isServed({ topology, snapshot }: DraftFacts): boolean {
    const served = this.#served;
    if (served === undefined || !isDeepStrictEqual(topology, served.topology)) return false;
    if (snapshot === undefined || served.snapshot === undefined)
      return snapshot === served.snapshot;
    return kinds.every((kind) => snapshot[kind] === served.snapshot?.[kind]);
  }

  #factsOf(resolution: Resolution): DraftFacts {
    const { diagnostics, staleFiles, objects, attachments, refusal } = resolution;
    const placed = placesIn(this.#texts, this.#options.store);
    const facts = { staleFiles, objects, attachments };
    const findings = [...diagnostics, ...unreadable(resolution)];
    const refused = (topology: Topology) => refusalFindings(this.#quarantine, topology, placed);
    // Before the first there is nothing to fall back to: the caller sees the findings.
    if (refusal !== undefined && this.#topology !== undefined) {
      const snapshot = this.#served?.snapshot;
      const topology = this.#topology;
      const all = [...findings, ...refused(topology)];
      return { ...facts, findings: all, refusal, topology, snapshot };
    }
    const own = withoutOwnInterfaces(resolution.topology, this.#options.ownInterfaces, placed);
    const kept = keepStartSettings(
      own.topology,
      this.#startSettings ?? own.topology.envoy.settings,
    );
    const topology = this.#quarantine.topology(kept.topology);
    const rendered = this.#render({ ...resolution, topology }, placed);
    return {
      ...facts,
      ...(refusal === undefined ? {} : { refusal }),
      findings: [
        ...findings,
        ...own.findings,
        ...kept.needRestart.map((name) => needsRestart(name, placed)),
        ...rendered.findings,
        ...refused(topology),
      ],
      topology,
      snapshot: rendered.snapshot,
    };
  }

  #render(
    { topology, certificates, refusal }: Resolution,
    placed: (sought: Sought) => FilePlace,
  ): { snapshot: DraftFacts["snapshot"]; findings: readonly Diagnostic[] } {
    const { rendering } = this.#options;
    if (rendering === undefined || refusal !== undefined)
      return { snapshot: undefined, findings: [] };
    const options = { ...rendering, certificates };
    const resources = this.#withTrial(renderResources(topology, options), topology, options);
    const { snapshot, errors } = this.#encode(resources);
    const findings = errors.map(({ message, resource }) =>
      finding("UMB0502", message, placed({ text: resource })),
    );
    return { snapshot: this.#quarantine.snapshot(snapshot), findings };
  }

  #withTrial(
    resources: DynamicResources,
    topology: Topology,
    options: Parameters<typeof renderResources>[1],
  ): DynamicResources {
    const trial = this.#quarantine.trial(topology);
    if (trial === undefined) return resources;
    return withRouteTrial(resources, renderResources(trial.topology, options), trial.listener);
  }

  #noteGood({ staleFiles }: Resolution): void {
    const stale = new Set(staleFiles.map(({ file }) => file));
    for (const [name, file] of this.#texts) if (!stale.has(name)) this.#good.set(name, file);
  }
}

function needsRestart(setting: string, placed: (sought: Sought) => FilePlace): Diagnostic {
  const message = `${setting} can't change while Umbra runs: its old value is kept`;
  return {
    ...finding("UMB0504", message, placed({ text: setting, of: { kind: "EnvoySettings" } })),
    severity: "warning",
  };
}

/** Files that have no finding of their own. */
function unreadable({ staleFiles, diagnostics }: Resolution): readonly Diagnostic[] {
  const told = new Set(diagnostics.map(({ file }) => file));
  return staleFiles
    .filter(({ file }) => !told.has(file))
    .map(({ file, problem }) => finding("UMB0501", problem, { file, line: 1, column: 1 }));
}

function hasSameFindings(before: DraftFacts, after: DraftFacts): boolean {
  return (
    before.objects === after.objects &&
    isDeepStrictEqual(before.findings, after.findings) &&
    isDeepStrictEqual(before.staleFiles, after.staleFiles) &&
    isDeepStrictEqual(before.attachments, after.attachments)
  );
}

/** True if nothing but endpoints of pools differs. What has not changed is the same object, which is quick to see. */
function hasSameRest(before: DraftFacts, after: DraftFacts): boolean {
  const { pools, ...rest } = after.topology;
  const { pools: earlier, ...restBefore } = before.topology;
  return (
    isDeepStrictEqual(rest, restBefore) &&
    pools.length === earlier.length &&
    pools.every((pool, at) => {
      const held = earlier[at];
      if (held === pool || held === undefined) return held === pool;
      return isDeepStrictEqual(withoutEndpoints(pool), withoutEndpoints(held));
    })
  );
}

/** All that a pool has but its endpoints. */
function withoutEndpoints(pool: Pool) {
  const { endpoints: _, drainingEndpoints, endpointLabels, endpointScrape, ...rest } = pool;
  return rest;
}
