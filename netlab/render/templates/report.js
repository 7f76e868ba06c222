"use strict";
// The whole page can be read without this: it filters the table, and unfolds tables for paper.
{
  const filter = document.querySelector(".filter");
  const rows = [...document.querySelectorAll(".contents .row")];
  filter.hidden = false;
  filter.querySelector("input").addEventListener("input", event => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    for (const folder of document.querySelectorAll(".contents tbody")) {
      folder.hidden = !folder.querySelector(".row:not([hidden])");
    }
    filter.querySelector("output").value = `${shown} of ${rows.length}`;
  });
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach(details => { details.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach(details => { details.open = false; }));
}
