// What is typed and not yet sent survives a reload, a crash and a lost connection: it is kept in this browser, for this
// person and item, until it is stored on the server or discarded, two weeks at most.
"use strict";

(() => {
  const prefix = "desk-draft:";
  const lasts = 14 * 24 * 3600 * 1000;
  const skipped = new Set(["csrf_token", "key", "source_hash", "revision", "back", "onward", "offered"]);
  const item = () => document.getElementById("item");
  const form = () => document.querySelector("form[data-draft]");
  const keyOf = (itemKey) => `${prefix}${item()?.dataset.user}:${itemKey}`;
  const key = () => keyOf(item().dataset.itemKey);
  let waiting = 0;

  const fields = () =>
    [...form().elements].filter((one) => one.name && !skipped.has(one.name) && one.type !== "submit" && !one.name.startsWith("parsed_"));
  const isTouched = (one) => {
    if (one.type === "radio" || one.type === "checkbox") return one.checked !== one.defaultChecked;
    if (one.tagName === "SELECT") return ![...one.options].every((option) => option.selected === option.defaultSelected) && one.selectedIndex > 0;
    return one.value !== one.defaultValue;
  };

  const save = () => {
    clearTimeout(waiting);
    const place = form();
    if (!place || place.dataset.settled) return;
    const held = fields().filter((one) => (one.type === "radio" ? one.checked : true) && one.type !== "hidden");
    const touched = fields().some(isTouched) || place.hasAttribute("data-kept");
    try {
      if (!touched) return;
      const values = Object.fromEntries(held.filter((one) => one.type !== "checkbox").map((one) => [one.name, one.value]));
      localStorage.setItem(key(), JSON.stringify({ at: Date.now(), values }));
    } catch {
      // No room, or storage is off: the form itself still holds everything.
    }
  };

  const forget = (itemKey) => {
    try {
      localStorage.removeItem(keyOf(itemKey));
    } catch {
      // Nothing was kept then.
    }
  };

  const fill = (values) => {
    for (const one of fields()) {
      if (!(one.name in values)) continue;
      if (one.type === "radio") one.checked = one.value === values[one.name];
      else one.value = values[one.name];
    }
    const words = document.getElementById("words");
    words.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const restore = () => {
    const place = form();
    if (!place || place.hasAttribute("data-kept")) return;
    if (fields().some(isTouched)) {
      // Somebody was quicker than this script: what they type now counts.
      save();
      return;
    }
    let draft;
    try {
      draft = JSON.parse(localStorage.getItem(key()) ?? "null");
    } catch {
      draft = null;
    }
    if (!draft) return;
    const differs = fields().some((one) => one.name in draft.values && one.type !== "radio" && one.value !== draft.values[one.name])
      || fields().some((one) => one.type === "radio" && one.value === draft.values[one.name] && !one.checked);
    if (!differs) return;
    fill(draft.values);
    const told = document.getElementById("draft-told");
    const when = new Date(draft.at).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
    told.querySelector("span").textContent = `What you had typed here on ${when} is in the form again; it was not sent.`;
    told.hidden = false;
  };

  const sweep = () => {
    try {
      for (const name of Object.keys(localStorage)) {
        if (name.startsWith(prefix) && !(Date.now() - JSON.parse(localStorage.getItem(name)).at < lasts)) localStorage.removeItem(name);
      }
    } catch {
      // What cannot be read is left alone.
    }
  };

  document.addEventListener("input", (event) => {
    if (!event.target.form?.hasAttribute("data-draft")) return;
    clearTimeout(waiting);
    waiting = setTimeout(save, 250);
  });
  document.addEventListener("change", (event) => {
    if (event.target.form?.hasAttribute("data-draft")) save();
  });
  document.addEventListener("visibilitychange", () => document.hidden && save());
  window.addEventListener("pagehide", save);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-discard]")) return;
    forget(item().dataset.itemKey);
    form().dataset.settled = "yes";
    location.reload();
  });
  // Stored on the server, and answered so: the copy here has done its work.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, elt } = event.detail;
    if (xhr.status === 204 && xhr.getResponseHeader("HX-Redirect") && form()?.contains(elt)) {
      clearTimeout(waiting);
      form().dataset.settled = "yes";
      forget(item().dataset.itemKey);
    }
  });

  const settled = document.querySelector("[data-settled]:not(form)");
  if (settled) forget(settled.dataset.settled);
  sweep();
  restore();
})();
