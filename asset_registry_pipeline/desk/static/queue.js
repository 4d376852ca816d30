// The list of the queue: going along it by keys, and how many are chosen for a batch.
"use strict";

(() => {
  const links = () => [...document.querySelectorAll("[data-item] [data-open]")];
  const here = () => document.activeElement?.closest?.("[data-item]");

  const move = (by) => {
    const all = links();
    if (!all.length) return;
    const now = all.findIndex((link) => link.closest("[data-item]") === here());
    all[now < 0 ? 0 : Math.min(Math.max(now + by, 0), all.length - 1)].focus();
  };

  document.addEventListener("desk:key", ({ detail: event }) => {
    const item = here();
    const does = {
      j: () => move(1),
      k: () => move(-1),
      o: () => item?.querySelector("[data-open]")?.click(),
      x: () => item?.querySelector("input[name=keys]")?.click(),
      c: () => item?.querySelector("[data-claim]")?.click(),
    }[event.key];
    if (does) {
      event.preventDefault();
      does();
    }
  });

  const count = () => {
    const place = document.getElementById("chosen-count");
    if (!place) return;
    const chosen = document.querySelectorAll("input[name=keys]:checked").length;
    place.textContent = chosen ? `${chosen} chosen` : "";
  };
  document.addEventListener("change", (event) => {
    if (event.target.name === "keys") count();
  });
  window.addEventListener("pageshow", count);
})();
