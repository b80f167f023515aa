import type { Answer } from "./answer.ts";
import type { ComparedRequest } from "./compared-request.ts";
import type { RecordedLine } from "./recorded-lines.ts";

/** What the lines of the files are. */
export type LineRole = "primary" | "shadow" | "floor" | "request";

/** Lines of several files that belong together. */
export interface LineGroup {
  readonly primary: Answer;
  readonly shadow: Answer;
  readonly floor?: Answer;
  readonly request?: ComparedRequest;
}

/** How lines are paired: by the request's id in them, or by their number. */
export type PairBy = "id" | "line";

/** A line of one file. */
export type RoleLine =
  | { readonly role: "primary" | "shadow" | "floor"; readonly line: RecordedLine<Answer> }
  | { readonly role: "request"; readonly line: RecordedLine<ComparedRequest> };

/** Why a line is in no pair: its partner is missing in another file, it has no id, or its id is a duplicate. */
export type UnpairedWhy = "no_partner" | "no_id" | "repeated_id";

export interface UnpairedLine {
  readonly role: LineRole;
  readonly number: number;
  readonly why: UnpairedWhy;
}

/** Largest amount of text that may wait for partners, in UTF-16 units. */
const maxWaitingUnits = 128 * 2 ** 20;

/** The files' lines are too far apart to be paired in bounded memory. */
export class PairingError extends Error {
  override readonly name = "PairingError";
}

interface Waiting {
  primary?: RecordedLine<Answer>;
  shadow?: RecordedLine<Answer>;
  floor?: RecordedLine<Answer>;
  request?: RecordedLine<ComparedRequest>;
}

/** Pairs lines as they are read. */
export interface LinePairing {
  /** Adds a line; returns its group once that is complete. Throws `PairingError` if too much text waits. */
  add(line: RoleLine): LineGroup | undefined;
  /** Groups that have both answers but lack other lines. Call it after the last line. */
  rest(): Iterable<LineGroup>;
}

const answers = ["primary", "shadow"] as const;

/** Creates a pairing of files with these roles. No line waits for a file that is in `ended`, which may grow. */
export function createLinePairing(
  roles: readonly LineRole[],
  by: PairBy,
  ended: ReadonlySet<LineRole>,
  onUnpaired: (line: UnpairedLine) => void,
): LinePairing {
  /** Undefined for a group that was complete. */
  const groups = new Map<string | number, Waiting | undefined>();
  let units = 0;

  function refuse({ role, line: { number } }: RoleLine, why: UnpairedWhy): undefined {
    onUnpaired({ role, number, why });
  }

  function sizeOf(group: Waiting): number {
    return roles.reduce((sum, role) => sum + (group[role]?.units ?? 0), 0);
  }

  return {
    add(added) {
      const { role, line } = added;
      const key = by === "line" ? line.number : line.id?.text;
      if (key === undefined) return refuse(added, "no_id");
      const group = groups.get(key) ?? {};
      const isRepeated = group[role] !== undefined || (groups.has(key) && !groups.get(key));
      if (isRepeated) return refuse(added, "repeated_id");
      const isComing = (each: LineRole) => group[each] === undefined && !ended.has(each);
      const canPair = answers.every((each) => each === role || group[each] || isComing(each));
      if (!canPair) return refuse(added, "no_partner");
      Object.assign(group, { [role]: line });
      units += line.units;
      groups.set(key, group);
      if (roles.some(isComing)) {
        if (units <= maxWaitingUnits) return undefined;
        throw new PairingError("over 128 MiB of answers wait for their partners");
      }
      units -= sizeOf(group);
      // No later line has the same number.
      if (by === "line") groups.delete(key);
      else groups.set(key, undefined);
      return groupOf(group);
    },
    *rest() {
      for (const group of groups.values()) {
        if (group === undefined) continue;
        const found = groupOf(group);
        if (found !== undefined) yield found;
        else {
          for (const role of roles) {
            const line = group[role];
            if (line !== undefined) onUnpaired({ role, number: line.number, why: "no_partner" });
          }
        }
      }
    },
  };
}

function groupOf({ primary, shadow, floor, request }: Waiting): LineGroup | undefined {
  if (primary === undefined || shadow === undefined) return undefined;
  return {
    primary: primary.value,
    shadow: shadow.value,
    ...(floor === undefined ? {} : { floor: floor.value }),
    ...(request === undefined ? {} : { request: request.value }),
  };
}
