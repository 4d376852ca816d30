// Keys for what the page does: an element says its own with data-key. Never while somebody types.
"use strict";

(() => {
  const help = document.getElementById("keys");
  const buttons = document.querySelectorAll("[data-keys-help]");
  const show = () => {
    if (!help.open) help.showModal();
  };
  buttons.forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", show);
  });

  const types = (element) =>
    element.isContentEditable ||
    element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])");
  const plays = (element) => element.matches("audio, video");
  const isSeen = (element) => element.getClientRects().length > 0 && !element.disabled;

  const act = (element) => {
    if (element.matches("input, textarea")) {
      element.focus();
      element.select?.();
    } else if (element.matches("summary")) {
      element.parentElement.open = true;
      element.parentElement.querySelector("textarea, input, button")?.focus();
    } else {
      element.click();
    }
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    const typing = types(event.target);
    if (event.key === "Escape" && typing) {
      event.target.blur();
      return;
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form?.id === "decision") {
      const approve = event.target.form.querySelector("[data-approve]");
      if (approve) {
        event.preventDefault();
        approve.click();
      }
      return;
    }
    if (typing || plays(event.target) || event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
    if (event.key === "?" && help) {
      event.preventDefault();
      show();
      return;
    }
    const found = [...document.querySelectorAll(`[data-key="${CSS.escape(event.key)}"]`)].find(isSeen);
    if (found) {
      event.preventDefault();
      act(found);
    } else {
      document.dispatchEvent(new CustomEvent("desk:key", { detail: event }));
    }
  });

  // What a reply asks to be looked at gets the focus, and so does the first line of what was added to a list.
  document.addEventListener("htmx:afterSettle", (event) => {
    const place = event.detail.elt;
    const wanted = place.matches?.("[data-focus]") ? place : document.querySelector("[data-focus]");
    if (wanted) {
      wanted.removeAttribute("data-focus");
      wanted.focus({ preventScroll: false });
    }
  });
  const first = document.querySelector("#refused[data-focus]");
  if (first) {
    first.removeAttribute("data-focus");
    first.focus();
  }
})();
