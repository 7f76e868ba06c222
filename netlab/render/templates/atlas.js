"use strict";
// Without this, all pairs stand below each other. With it, one is open at a time: the grid, the
// address and the arrow keys choose which, and how far its ladder is walked.
{
  // However somebody writes a pair in the address: fin-wait-1/close_wait, too.
  const letters = name => name.toUpperCase().replace(/[^A-Z0-9/]/g, "");
  const pairs = new Map(
    [...document.querySelectorAll(".place")].map(pair => [letters(pair.id), pair]));
  const squares = [...document.querySelectorAll(".grid a")];
  const columns = document.querySelectorAll(".grid thead th").length;
  const figure = document.querySelector(".fsm");
  const begin = pairs.get(letters("SYN_SENT/SYN_RECV"));
  let open = null;

  const steps = pair => [...pair.querySelectorAll(".rung")];
  const lit = (selector, name) =>
    figure.querySelectorAll(selector).forEach(part => part.classList.add(name));

  const light = (pair, some, number) => {
    for (const part of figure.querySelectorAll("[data-state], [data-arrow]")) {
      part.classList.remove("in-client", "in-server", "by-client", "by-server");
    }
    const now = (some[number] || pair).dataset;
    for (const side of ["client", "server"]) {
      lit(`[data-state="${now[side]}"]`, `in-${side}`);
    }
    for (const step of some.slice(0, number + 1)) {
      for (const move of step.dataset.moves.split(" ").filter(Boolean)) {
        const [side, ends] = move.split(":");
        lit(`[data-arrow="${ends}"]`, `by-${side}`);
      }
    }
  };

  const told = (some, number) => {
    const {client, server} = some[number].dataset;
    const heard = document.createElement("span");
    heard.className = "unseen";
    heard.textContent = `: ${some[number].querySelector(".lane").textContent}`;
    return [`step ${number + 1} of ${some.length}: ${client} / ${server}`, heard];
  };

  const walk = (pair, number) => {
    const some = steps(pair);
    if (some.length) {
      number = Math.max(0, Math.min(some.length - 1, number));
      some.forEach((step, place) => {
        step.classList.toggle("ahead", place > number);
        step.toggleAttribute("aria-current", place === number);
        if (place === number) step.setAttribute("aria-current", "step");
      });
      const bar = pair.querySelector(".walk");
      bar.querySelector("output").replaceChildren(...told(some, number));
      bar.querySelector('[data-go="-1"]').disabled = number === 0;
      bar.querySelector('[data-go="1"]').disabled = number === some.length - 1;
      pair.dataset.step = number;
    }
    light(pair, some, number);
  };

  const go = by => {
    const number = Number(open.dataset.step) + by;
    walk(open, number);
    const now = open.querySelector(".rung[aria-current]");
    if (now) now.scrollIntoView({block: "nearest"});
  };

  const show = (pair, moved) => {
    if (open) open.classList.remove("open");
    open = pair;
    pair.classList.add("open");
    for (const square of squares) {
      const here = square.hash === `#${pair.id}`;
      square.tabIndex = here ? 0 : -1;
      if (here) square.setAttribute("aria-current", "true");
      else square.removeAttribute("aria-current");
    }
    const frozen = pair.querySelector(".ladder");
    walk(pair, frozen ? Number(frozen.dataset.frozen) : 0);
    if (moved) {
      const heading = pair.querySelector("h2");
      const top = heading.getBoundingClientRect().top;
      if (top < 0 || top > innerHeight * .8) pair.scrollIntoView();
      heading.focus({preventScroll: true});
    }
  };

  const named = () => {
    try {
      return pairs.get(letters(decodeURIComponent(location.hash.slice(1))));
    } catch (error) { // of no address that a browser made
      return undefined;
    }
  };

  document.documentElement.classList.add("walking");
  document.querySelectorAll(".walk").forEach(bar => { bar.hidden = false; });
  show(named() || begin, Boolean(named()));
  addEventListener("hashchange", () => {
    if (named()) show(named(), true);
    else if (!location.hash) show(begin, false); // back to where one began
  });

  document.addEventListener("click", event => {
    const button = event.target.closest("[data-go]");
    const step = event.target.closest(".rung");
    if (button) go(Number(button.dataset.go));
    else if (step && open.contains(step)) walk(open, steps(open).indexOf(step));
  });

  const AWAY = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns};
  document.addEventListener("keydown", event => {
    const held = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
    if (held || !(event.key in AWAY)) return;
    const place = squares.indexOf(document.activeElement);
    if (place >= 0) {
      const next = squares[place + AWAY[event.key]];
      const sideways = Math.abs(AWAY[event.key]) === 1;
      const row = number => Math.floor(number / columns);
      if (next && (!sideways || row(place) === row(place + AWAY[event.key]))) {
        squares[place].tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      }
      event.preventDefault();
    } else if (Math.abs(AWAY[event.key]) === 1 && !document.activeElement.matches("pre")) {
      go(AWAY[event.key]);
      event.preventDefault();
    }
  });
}
