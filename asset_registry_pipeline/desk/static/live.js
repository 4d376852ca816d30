// Progress as it happens. A tab that nobody looks at holds no connection.
"use strict";

(() => {
  const place = document.querySelector("[data-live]");
  const state = document.getElementById("live-state");
  if (!place || !window.EventSource) return;
  let source = null;

  const told = () =>
    new Map([...place.querySelectorAll("tr[data-layer]")].map((row) => [row.dataset.layer, row.dataset.state]));

  const open = () => {
    if (source) return;
    source = new EventSource(place.dataset.live);
    source.addEventListener("progress", (event) => {
      const before = told();
      place.innerHTML = event.data;
      state.textContent = "Live";
      const changed = [...told()].filter(([layer, now]) => before.get(layer) !== now);
      if (changed.length) window.announce(changed.map(([layer, now]) => `${layer}: ${now}`).join(", "));
    });
    source.addEventListener("error", () => {
      state.textContent = "The connection is being made again";
    });
  };
  const close = () => {
    source?.close();
    source = null;
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  if (!document.hidden) open();
})();
