import type { ResourceRef } from "../resource-ref.ts";
import type { Read } from "./kinds.ts";
import type { Place, Report } from "./report.ts";
import { Resources } from "./resources.ts";

/** What reading a text gave at one place: findings, resources, or both. */
export interface Step {
  /** Absent for resources that may occur several times. */
  readonly identity?: Identity;
  readonly findings: readonly Finding[];
  readonly resources: readonly Found[];
  /** True: the finding is about text that can't be parsed, so that its kind is not known. */
  readonly isUnparsed?: true;
}

export type Finding = Readonly<Parameters<Report>>;

/** An object that may exist only once. */
export interface Identity extends ResourceRef {
  /** The reader of its kind: kinds of several groups may have the same name. */
  readonly read: Read;
  readonly kind: string;
  readonly place: Place;
}

/** Resources of one kind. */
export type Found = { [K in keyof Resources]: readonly [K, Resources[K]] }[keyof Resources];

/** Keeps what is read, to be joined with what other texts say. */
export interface Recorder {
  readonly steps: readonly Step[];
  readonly report: Report;
  /** Takes a finding about text that can't be parsed. */
  unparsed(...finding: Finding): void;
  /** Takes resources that may occur several times. */
  add<K extends keyof Resources>(list: K, ...found: Resources[K]): void;
  /** Reads an object that may exist only once. What is reported meanwhile is not shown if another has its name. */
  object(identity: Identity, read: (into: Resources) => void): void;
}

export function createRecorder(): Recorder {
  const steps: Step[] = [];
  let ofObject: Finding[] | undefined;
  return {
    steps,
    report(...finding) {
      if (ofObject === undefined) steps.push({ findings: [finding], resources: [] });
      else ofObject.push(finding);
    },
    unparsed: (...finding) =>
      void steps.push({ findings: [finding], resources: [], isUnparsed: true }),
    add(list, ...found) {
      steps.push({ findings: [], resources: [[list, found] as Found] });
    },
    object(identity, read) {
      const findings: Finding[] = [];
      const into = new Resources();
      ofObject = findings;
      read(into);
      ofObject = undefined;
      const lists = Object.entries(into) as unknown as readonly Found[];
      steps.push({ identity, findings, resources: lists.filter(([, found]) => found.length > 0) });
    },
  };
}
