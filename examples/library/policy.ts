import {
  createPool,
  createProfile,
  defineFilter,
  defineScorer,
  expectedWorkScorer,
  maxScorePicker,
} from "@umbra/scheduler";

/** Only endpoints of the request's region. With a `refusal`, a request is refused if none is left. */
const residency = defineFilter({
  name: "residency",
  refusal: "NO_ELIGIBLE_ENDPOINT",
  keep: ({ attributes }, { labels }) => labels.region === attributes?.region,
});

/** 1 for a free endpoint, 0 for one of 10 dollars an hour. */
const cheap = defineScorer({
  name: "cheap",
  rate: (_request, { labels }) => 1 - Number(labels.usdPerHour) / 10,
});

const profile = createProfile({
  name: "cheap-in-region",
  filters: [residency],
  scorers: [
    { scorer: expectedWorkScorer(), weight: 1 },
    { scorer: cheap, weight: 0.2 },
  ],
  picker: maxScorePicker,
});

const pool = createPool({ name: "llama", profiles: [{ profile }] });
pool.setEndpoints([
  { address: "10.0.0.1:8000", labels: { region: "eu", usdPerHour: "9" } },
  { address: "10.0.0.2:8000", labels: { region: "us", usdPerHour: "1" } },
  { address: "10.0.0.3:8000", labels: { region: "eu", usdPerHour: "1" } },
]);

const picked = pool.pick({ model: "llama", attributes: { region: "eu" } });
console.log(picked.ok ? picked.endpoint : picked.code); // 10.0.0.3:8000
