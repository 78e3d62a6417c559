// On a phone, a table of texts that is wider than the page shows the cells of a row below each other, each under the head of its column.
"use strict";

{
  const phone = matchMedia("(width < 40rem)");
  const ROLES = { table: "table", "thead, tbody": "rowgroup", tr: "row", th: "columnheader", td: "cell" };

  /** Keep for each cell with a text its head, and for each element its role, which is lost where it is no longer laid out as in a table. */
  function prepare(table) {
    const heads = [...table.tHead.rows[0].cells].map((head) => head.innerText);
    for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, i) => cell.innerText.trim() && (cell.dataset.head = heads[i]));
    for (const [selector, role] of Object.entries(ROLES)) {
      for (const element of [table, ...table.querySelectorAll("*")]) if (element.matches(selector)) element.setAttribute("role", role);
    }
  }

  function fit(table) {
    table.classList.remove("stacked");
    table.classList.toggle("stacked", phone.matches && table.offsetWidth > table.parentElement.clientWidth);
  }

  document.addEventListener("DOMContentLoaded", () => {
    // Columns of numbers and of marks are compared with each other, so they stay beside each other.
    const tables = [...document.querySelectorAll("article table.table:has(thead):not(.autosummary, :has(.text-right, .text-center))")];
    tables.forEach(prepare);
    tables.forEach(fit);
    phone.addEventListener("change", () => tables.forEach(fit));
  });
}
