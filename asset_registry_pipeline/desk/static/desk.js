// What every page does beyond its links and forms. Without it all of them work; nothing here is needed.
"use strict";

// Say something to a screen reader without moving anybody's focus.
window.announce = (text) => {
  const place = document.getElementById("announce");
  if (place) place.textContent = text;
};

// A problem that was just shown is read from its beginning; one that was put right is gone.
document.addEventListener("htmx:beforeRequest", () => {
  document.getElementById("problem")?.replaceChildren();
});
document.addEventListener("htmx:sendError", () => {
  const told = document.createElement("p");
  told.className = "notice bad";
  told.textContent = "The desk does not answer. What you typed is still here: send it again when the connection is back.";
  document.getElementById("problem")?.replaceChildren(told);
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (!form.hasAttribute("hx-post") && form.method === "post") form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});
