import { expect, test } from "@jest/globals";
import { type TopologyFlags, topologyArguments, withTopologyFlags } from "@umbra/cli";
import { Command } from "commander";

function commandOf(): Command {
  return withTopologyFlags(new Command("x"), { isDirectAllowed: true }).exitOverride();
}

function parsed(args: readonly string[]): TopologyFlags {
  return commandOf().parse(args, { from: "user" }).opts<TopologyFlags>();
}

test.each([
  [[]],
  [["-f", "a.yaml", "-f", "folder", "--strict"]],
  [["-f", "-", "--endpoints", "a=10.0.0.1:80,10.0.0.2:80", "--endpoints", "b=10.0.0.3:80"]],
  [["--pick-mode", "a=headers", "--picker", "b=tls:picker.svc:9002", "--picker-ca", "b=/ca.pem"]],
  [["--metrics-path", "a=/m", "--metrics-port", "a=9000", "--metrics-scheme", "b=https"]],
  [["--listener", "http=8080", "--bind", "127.0.0.1", "--set", "maxBody=8Mi", "--set", "a=b"]],
  [["--primary", "10.0.0.1:80", "--shadow", "10.0.0.2:80"]],
])("a child process that is given the arguments of %j has the same flags", (args) => {
  const flags = parsed(args);
  expect(parsed(topologyArguments(flags))).toEqual(flags);
});

test("every flag reaches the child process", () => {
  const args = commandOf().options.flatMap(({ long, required }) => [
    String(long),
    ...(required ? ["a=b"] : []),
  ]);
  const given = topologyArguments(parsed(args)).filter((each) => each.startsWith("--"));
  expect(given.toSorted()).toEqual(args.filter((each) => each.startsWith("--")).toSorted());
});
