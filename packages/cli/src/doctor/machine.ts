import { availableParallelism, totalmem } from "node:os";
import { affecting, nodeAdvisories } from "./advisories.ts";
import { areaOf, type Finding } from "./finding.ts";
import { isOlder, type Version, versionIn } from "./version.ts";

/** The resources available to Umbra's processes. */
export interface Machine {
  /** The value of `process.version`. */
  readonly node: string;
  readonly processors: number;
  /** Memory of the machine, or the container's limit if there is one. */
  readonly memoryBytes: number;
  /** Files and connections that a process may have open; undefined if unknown. */
  readonly openFiles: number | "unlimited" | undefined;
}

export function thisMachine(): Machine {
  const limit = process.constrainedMemory();
  const memory = totalmem();
  return {
    node: process.version,
    processors: availableParallelism(),
    memoryBytes: limit > 0 && limit < memory ? limit : memory,
    openFiles: openFilesLimit(),
  };
}

/** Node raises its soft limit to the hard limit, and its child processes inherit that. */
function openFilesLimit(): Machine["openFiles"] {
  const { report } = process;
  // Otherwise the report resolves the names of all peers. Missing in Node's types.
  Object.assign(report, { excludeNetwork: true });
  const { userLimits } = report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly hard: number | "unlimited" } };
  };
  return userLimits?.open_files?.hard;
}

const oldestNode: Version = [22, 19, 0];
/** Each client needs two files of Envoy: its own connection and one to an endpoint. */
const fewFiles = 4_096;
const littleMemory = 1024 ** 3;

export function judgeMachine(machine: Machine): readonly Finding[] {
  return [
    ...nodeFindings(machine),
    filesFinding(machine),
    memoryFinding(machine),
    processorsFinding(machine),
  ];
}

const { ok, wrong } = areaOf("machine");

function nodeFindings({ node }: Machine): readonly Finding[] {
  const version = versionIn(node);
  if (version === undefined || isOlder(version, oldestNode)) {
    const message = `Node ${node} is older than 22.19`;
    return [wrong("error", "UMB0401", message)];
  }
  const flaws = affecting(version, nodeAdvisories, 1);
  if (flaws.length === 0) return [ok(`Node ${node}`)];
  return flaws.map(({ id, what, fixedIn }) =>
    wrong(
      "warning",
      "UMB0402",
      `Node ${node} has ${id}: ${what}`,
      `update Node to ${orLater(fixedIn)}`,
    ),
  );
}

/** Formats versions such as `1.38.4, 1.39.1 or later`; lists only the two newest. */
export function orLater(fixedIn: readonly string[]): string {
  return `${fixedIn.slice(-2).join(", ")} or later`;
}

function filesFinding({ openFiles }: Machine): Finding {
  if (openFiles === undefined) return ok("the limit on open files is unknown");
  if (openFiles === "unlimited" || openFiles >= fewFiles) {
    return ok(`${openFiles} open files per process`);
  }
  const message = `the limit of ${openFiles} open files per process allows about ${Math.floor(openFiles / 2)} concurrent clients`;
  return wrong("warning", "UMB0407", message);
}

function memoryFinding({ memoryBytes }: Machine): Finding {
  const size = `${Math.round(memoryBytes / 1024 ** 2).toLocaleString("en-US")} MiB of memory`;
  if (memoryBytes >= littleMemory) return ok(size);
  return wrong("warning", "UMB0408", `${size}, shared by Envoy and the sidecar`);
}

function processorsFinding({ processors }: Machine): Finding {
  if (processors > 1) return ok(`${processors} processors`);
  const message =
    "only one processor: Envoy slows down the picks, and evaluating the shadow slows down both";
  return wrong("info", "UMB0408", message, "use at least two processors");
}
