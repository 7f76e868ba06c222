"use strict";
// The whole page can be read without this: each grid is one stop of the Tab key, and arrow keys
// move from square to square in it.
{
  const WAYS = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};

  for (const grid of document.querySelectorAll(".answers")) {
    const rows = [...grid.tBodies[0].rows];
    const squares = [...grid.querySelectorAll("td a")];
    const stop = square => squares.forEach(each => { each.tabIndex = each === square ? 0 : -1; });
    const square = (row, column) => rows[row].cells[column].querySelector("a");

    stop(squares[0]);
    grid.addEventListener("focusin", event => stop(event.target));
    grid.addEventListener("keydown", event => {
      const held = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
      if (held || !(event.key in WAYS)) return;
      event.preventDefault();
      const [down, right] = WAYS[event.key];
      const from = event.target.closest("td");
      let [row, column] = [from.parentNode.sectionRowIndex + down, from.cellIndex + right];
      while (rows[row]?.cells[column] && !square(row, column)) { // an event that cannot be there
        row += down;
        column += right;
      }
      if (rows[row]?.cells[column]) square(row, column).focus();
    });
  }
}
