// Whether two names are of one model: providers answer with a dated name, a longer one, or the words in another order.

/** Words of a name, in their order in the alphabet, without owner and date. */
function wordsOf(name: string): string {
  const own = name.slice(name.lastIndexOf("/") + 1).toLowerCase();
  const undated = own.replace(/[-@](?:20\d{2}-?\d{2}-?\d{2}|\d{2}-\d{2}|\d{4}|latest)$/, "");
  return undated
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "" && word !== "latest")
    .toSorted()
    .join(" ");
}

/** Whether a provider that was asked for one model and names the other has answered with what was asked for. */
export function isSameModel(left: string, right: string): boolean {
  return left === right || wordsOf(left) === wordsOf(right);
}
