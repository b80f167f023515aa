import { availableParallelism, totalmem } from "node:os";
import { holdFor, nodeAdvisories } from "./advisories.ts";
import { areaOf, type Finding } from "./finding.ts";
import { isOlder, type Version, versionIn } from "./version.ts";

/** What Umbra's processes have to live on. */
export interface Machine {
  /** As `process.version` says. */
  readonly node: string;
  readonly processors: number;
  /** Of the machine, or of the container where it has a limit. */
  readonly memoryBytes: number;
  /** Files and connections that a process may have open; undefined where the system does not tell. */
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

/** Node raises its soft limit to the hard one, and what it starts inherits that. */
function openFilesLimit(): Machine["openFiles"] {
  const { report } = process;
  // Else it resolves the names of all peers. Node's types do not know it yet.
  Object.assign(report, { excludeNetwork: true });
  const { userLimits } = report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly hard: number | "unlimited" } };
  };
  return userLimits?.open_files?.hard;
}

const oldestNode: Version = [22, 19, 0];
/** A client takes two of Envoy's: its own connection and one to an endpoint. */
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
  const flaws = holdFor(version, nodeAdvisories, 1);
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

/** `1.38.4, 1.39.1 or later`, the oldest two left out where there are many. */
export function orLater(fixedIn: readonly string[]): string {
  return `${fixedIn.slice(-2).join(", ")} or later`;
}

function filesFinding({ openFiles }: Machine): Finding {
  if (openFiles === undefined) return ok("the limit of open files is not known");
  if (openFiles === "unlimited" || openFiles >= fewFiles) {
    return ok(`${openFiles} open files for each process`);
  }
  const message = `a process may have ${openFiles} files open: about ${Math.floor(openFiles / 2)} clients at once`;
  return wrong("warning", "UMB0407", message);
}

function memoryFinding({ memoryBytes }: Machine): Finding {
  const size = `${Math.round(memoryBytes / 1024 ** 2).toLocaleString("en-US")} MiB of memory`;
  if (memoryBytes >= littleMemory) return ok(size);
  return wrong("warning", "UMB0408", `${size}, which Envoy and the sidecar share`);
}

function processorsFinding({ processors }: Machine): Finding {
  if (processors > 1) return ok(`${processors} processors`);
  const message = "one processor: Envoy's work holds up the picks, and judging the shadow both";
  return wrong("info", "UMB0408", message, "give it two processors or more");
}
