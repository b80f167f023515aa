import type { LoraModule, SimulatorOptions } from "./options.ts";

export interface VllmArgs {
  readonly options: Partial<SimulatorOptions> & { readonly port?: number; readonly host?: string };
  /** Arguments without a meaning for a simulator. */
  readonly ignored: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Parses vLLM's arguments: `--flag value`, `--flag=value`, `_` for `-`, `serve MODEL`. Arguments without a meaning for
 * a simulator are listed, not refused, because they are valid for a real server.
 */
export function parseVllmArgs(args: readonly string[]): VllmArgs {
  const options: Mutable<VllmArgs["options"]> = {};
  const ignored: string[] = [];
  const groups = groupsOf(args);
  for (const { flag, values } of groups) {
    const [value] = values;
    const amount = amounts.get(flag);
    if (amount !== undefined) {
      const number = Number(value);
      if (value !== undefined && Number.isFinite(number) && number >= 0) options[amount] = number;
      continue;
    }
    switch (flag) {
      case "--model":
        if (value !== undefined) options.model = value;
        break;
      case "--served-model-name":
        options.servedModelNames = values;
        break;
      case "--host":
        if (value !== undefined) options.host = value;
        break;
      case "--enable-lora":
        options.enableLora = true;
        break;
      case "--lora-modules":
        options.loraModules = values.flatMap(loraModule);
        break;
      default:
        ignored.push([flag, ...values].join(" "));
    }
  }
  const served = positional(args);
  if (served !== undefined) options.model ??= served;
  return { options, ignored };
}

/** Flags with a number and the options they set. */
const amounts: ReadonlyMap<string, NumberOption> = new Map<string, NumberOption>([
  ["--port", "port"],
  ["--max-loras", "maxLoras"],
  ["--max-cpu-loras", "maxCpuLoras"],
  ["--max-num-seqs", "maxNumSeqs"],
  ["--max-model-len", "maxModelLen"],
  ["--block-size", "blockSize"],
  ["--max-num-batched-tokens", "maxNumBatchedTokens"],
  ["--num-gpu-blocks-override", "numGpuBlocks"],
  ["--seed", "seed"],
]);

type Options = Required<VllmArgs["options"]>;
type NumberOption = {
  [Name in keyof Options]: Options[Name] extends number ? Name : never;
}[keyof Options];

interface Group {
  readonly flag: string;
  readonly values: string[];
}

/** Groups each flag with its values. Arguments before the first flag are the command. */
function groupsOf(args: readonly string[]): readonly Group[] {
  const groups: Group[] = [];
  for (const arg of args) {
    if (arg.startsWith("--")) {
      const at = arg.indexOf("=");
      const flag = (at < 0 ? arg : arg.slice(0, at)).replaceAll("_", "-");
      groups.push({ flag, values: at < 0 ? [] : [arg.slice(at + 1)] });
    } else {
      groups.at(-1)?.values.push(arg);
    }
  }
  return groups;
}

/** The model of `vllm serve MODEL`. */
function positional(args: readonly string[]): string | undefined {
  const at = args.indexOf("serve");
  const model = at < 0 ? undefined : args[at + 1];
  return model?.startsWith("--") ? undefined : model;
}

/** `name=path`, or vLLM's JSON form. */
function loraModule(text: string): readonly LoraModule[] {
  if (text.startsWith("{")) {
    try {
      const { name, path } = JSON.parse(text) as { name?: unknown; path?: unknown };
      return typeof name === "string" ? [{ name, path: String(path ?? "") }] : [];
    } catch {
      // Not JSON, so not a module.
      return [];
    }
  }
  const at = text.indexOf("=");
  return at < 1 ? [] : [{ name: text.slice(0, at), path: text.slice(at + 1) }];
}
