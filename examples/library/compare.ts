import { compareAnswers, readComparedRequest } from "@umbra/shadow/compare";

const request = readComparedRequest({
  temperature: 0,
  tools: [{ type: "function", function: { name: "weather", parameters: { required: ["city"] } } }],
});
const call = (args: string) => ({ text: "", toolCalls: [{ name: "weather", arguments: args }] });
const compared = compareAnswers(call('{"city":"Paris"}'), call("{}"), request);
console.log(compared.agreement.tool, compared.shadow.toolBad);
