/**
 * Share of requests that find all `places` occupied: Erlang's loss formula (1917). `load` is the mean number of
 * requests in flight without a limit: the rate times the duration. Valid for any distribution of the duration.
 */
export function erlangLoss(places: number, load: number): number {
  let loss = 1;
  for (let n = 1; n <= places; n++) loss = (load * loss) / (n + load * loss);
  return loss;
}

/** Fewest places with a loss of at most `maxLoss`. */
export function placesFor(load: number, maxLoss: number): number {
  let [places, loss] = [0, 1];
  while (loss > maxLoss && places < 1_000_000) {
    places++;
    loss = (load * loss) / (places + load * loss);
  }
  return places;
}
