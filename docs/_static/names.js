// A long name breaks after a dot or an underscore, where it has to break at all.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const names = document.querySelectorAll("article h1, article dt.sig, article table:is(.autosummary, .indextable) a, .prev-next-title");
  for (const name of names) {
    const texts = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) found.push(texts.currentNode);
    for (const text of found) {
      const parts = text.data.split(/(?<=\w[._])(?=\w)/);
      text.replaceWith(...parts.flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part])));
    }
  }
});
