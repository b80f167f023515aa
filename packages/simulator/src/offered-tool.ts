/** A tool that a request offers. */
export interface OfferedTool {
  readonly name: string;
  /** JSON Schema of its arguments. */
  readonly parameters: unknown;
}

type Members = Readonly<Record<string, unknown>>;

/** Returns the first function of a request's `tools`; undefined if there is none. */
export function firstTool(tools: unknown): OfferedTool | undefined {
  if (!Array.isArray(tools)) return undefined;
  const functions = tools.map((tool) => membersOf(membersOf(tool).function));
  const found = functions.find(({ name }) => typeof name === "string");
  return found && { name: String(found.name), parameters: found.parameters };
}

/** Arguments that keep a tool's schema. */
export function argumentsFor({ parameters }: OfferedTool): string {
  return JSON.stringify(valueFor(parameters, 0));
}

/** Arguments that break any schema: JSON that ends too early. */
export function brokenArguments(tool: OfferedTool): string {
  return argumentsFor(tool).slice(0, -1);
}

const maxDepth = 8;

/** A value of the schema's type, with all its properties. */
function valueFor(schema: unknown, depth: number): unknown {
  const { type, enum: allowed, properties, minimum } = membersOf(schema);
  if (Array.isArray(allowed) && allowed.length > 0) return allowed[0];
  switch (type) {
    case "string":
      return "a simulated value";
    case "number":
    case "integer":
      return typeof minimum === "number" ? minimum : 1;
    case "boolean":
      return true;
    case "array":
      return [];
    default: {
      const members = depth < maxDepth ? Object.entries(membersOf(properties)) : [];
      return Object.fromEntries(members.map(([name, each]) => [name, valueFor(each, depth + 1)]));
    }
  }
}

function membersOf(json: unknown): Members {
  return typeof json === "object" && json !== null ? (json as Members) : {};
}
