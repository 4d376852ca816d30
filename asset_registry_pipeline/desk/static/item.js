// The page of one item: counting characters, the lease's countdown, media that cannot be shown.
"use strict";

(() => {
  const seconds = 1000;
  const minutes = 60 * seconds;
  const renewBelow = 5 * minutes;
  const told = new Set();
  let touchedAt = 0;
  let renewedAt = 0;
  let clockAhead = 0;

  const letters = (text) => [...text.replaceAll("\r\n", "\n")].length;

  const count = (field) => {
    const place = document.querySelector(`[data-count][for="${field.id}"]`);
    const limit = Number(field.dataset.limit);
    if (!place || !limit) return;
    const used = letters(field.value);
    place.textContent = `${used} of ${limit} characters`;
    place.classList.toggle("over", used > limit);
    if (used > limit) {
      field.setAttribute("aria-invalid", "true");
      window.announce(`${used - limit} characters too many`);
    } else {
      field.removeAttribute("aria-invalid");
    }
  };

  const set = (field, text) => {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  window.setField = set;

  // The lease. The server's clock counts, not this machine's.
  const lease = () => document.getElementById("lease");
  const readClock = () => {
    const place = lease();
    if (place) clockAhead = Date.now() - Date.parse(place.dataset.now);
    told.clear();
  };
  const say = (place, mark, text) => {
    if (told.has(mark)) return;
    told.add(mark);
    place.querySelector("[data-lease-told]").textContent = text;
  };
  const tick = () => {
    const place = lease();
    if (!place) return;
    const left = Date.parse(place.dataset.until) - (Date.now() - clockAhead);
    const shown = place.querySelector("[data-left]");
    place.classList.toggle("short", left < renewBelow);
    if (left <= 0) {
      shown.textContent = ": it has run out";
      say(place, "over", "Your claim has run out. Your words are kept; claim the item again to store them.");
      return;
    }
    const whole = Math.floor(left / seconds);
    shown.textContent = `: ${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} left`;
    if (left < minutes) say(place, "one", "Your claim runs out in less than a minute.");
    else if (left < renewBelow) say(place, "five", "Your claim runs out in less than five minutes.");
    const now = Date.now();
    if (left < renewBelow && now - touchedAt < 2 * minutes && now - renewedAt > minutes) {
      renewedAt = now;
      place.querySelector("[data-renew]").click();
    }
  };

  // Media. Errors of pictures do not bubble, so they are caught on their way down.
  const broken = (media) => {
    const message = media.closest("section, label, p")?.querySelector(".media-broken");
    media.classList.add("broken");
    if (message) {
      message.hidden = false;
      media.hidden = true;
    } else {
      media.alt = `${media.alt} (it cannot be shown)`;
    }
  };
  document.addEventListener(
    "error",
    (event) => {
      if (event.target.matches?.("[data-media]")) broken(event.target);
    },
    true,
  );
  const lookAtMedia = () => {
    document.querySelectorAll("[data-media]").forEach((media) => {
      if (media.error || (media.complete && media.naturalWidth === 0)) broken(media);
    });
  };

  document.addEventListener("input", (event) => {
    const field = event.target;
    touchedAt = Date.now();
    if (field.dataset.limit) count(field);
    if (field.id === "words") {
      document.querySelectorAll("[data-with-words]").forEach((place) => {
        place.hidden = !field.value.trim() || field.value === field.form.elements.offered.value.replaceAll("\r\n", "\n");
      });
    }
    if (field.id === "art_url" && field.value) {
      const replace = field.form.querySelector("input[name=art][value=replace]");
      if (replace) replace.checked = true;
    }
  });
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const field = document.getElementById(copy.dataset.copyTo);
      set(field, copy.dataset.copy);
      field.focus();
    }
    const fill = event.target.closest("[data-fill]");
    if (fill) {
      Object.entries(JSON.parse(fill.dataset.fill)).forEach(([name, text]) => {
        const field = document.getElementById(name);
        if (field) set(field, text);
      });
      document.getElementById("song")?.focus();
    }
  });

  // What is typed or chosen while a part of the form is being made anew stays: the reply knows nothing of it yet.
  const asked = new WeakMap();
  let meanwhile = [];
  const valuesIn = (place) => {
    const values = new Map();
    place.querySelectorAll("input[name]:not([type=hidden]), select[name], textarea[name]").forEach((field) => {
      if (field.type !== "radio") values.set(field.name, field.value);
      else if (field.checked) values.set(field.name, field.value);
    });
    return values;
  };
  const isPart = (place) => place?.matches?.("#song-title, #song-art");
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (isPart(detail.target)) asked.set(detail.xhr, valuesIn(detail.target));
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const before = asked.get(detail.xhr);
    if (!before || !isPart(detail.target)) return;
    meanwhile = [...valuesIn(detail.target)].filter(([name, value]) => before.get(name) !== value);
    const choice = detail.target.querySelector("input[type=radio]:checked")?.closest("label");
    meanwhile.forEach((change) => change.push(choice));
  });
  const putBack = () => {
    for (const [name, value, choice] of meanwhile) {
      const same = document.querySelectorAll(`#decision [name="${CSS.escape(name)}"]`);
      if (same[0]?.type !== "radio") {
        same[0].value = value;
        continue;
      }
      const chosen = [...same].find((one) => one.value === value);
      if (chosen) chosen.checked = true;
      else if (choice) document.querySelector("#song-art .choices").prepend(choice);
    }
    meanwhile = [];
  };

  const prepare = () => {
    document.querySelectorAll("[data-copy], [data-fill]").forEach((button) => {
      button.hidden = false;
    });
    document.querySelectorAll("[data-limit]").forEach(count);
    lookAtMedia();
  };
  document.addEventListener("htmx:afterSettle", (event) => {
    putBack();
    prepare();
    if (event.detail.elt.id === "lease" || event.detail.elt.querySelector?.("#lease")) readClock();
  });

  // Who pressed a button far down has to see that nothing was sent.
  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.elt.closest("#decision")) document.getElementById("problem")?.scrollIntoView({ block: "center" });
  });

  prepare();
  readClock();
  tick();
  setInterval(tick, seconds);
})();
