// What the server has put into the page, and where the page stands.

export interface Example {
  /** The name of the file without its ending, e.g. `catalogue`. */
  name: string;
  text: string;
}

/** The operations of this release, in the order of the tabs. */
export function readExamples(): Example[] {
  return JSON.parse(document.getElementById("examples")?.textContent ?? "[]") as Example[];
}

/** The page's own address takes the operations, whatever the prefix or proxy it is reached by. */
export const endpoint = location.origin + location.pathname;
