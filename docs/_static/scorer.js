// How the site's search ranks: Sphinx's own scores, but a name that is asked for by its exact letters comes first, the shortest of its full names before the others.
"use strict";

// `var`, because Sphinx's search looks for a global variable of this name.
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
  score([, title, , , score]) {
    const parts = title.split(".");
    return parts.at(-1) === new URLSearchParams(location.search).get("q") ? score + 40 - parts.length : score;
  },
};
