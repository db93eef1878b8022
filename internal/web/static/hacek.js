// The console's own script. Every page works without it.
// "/" goes to the search box, data-copy copies a field, data-insert puts a variable into one, data-zone tells the browser's time zone, and a menu closes
// when one clicks beside it.
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]")) {
    event.preventDefault();
    document.querySelector(".search input")?.focus();
  }
  if (event.key === "Escape") closeMenus();
});
addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.pop"));
  const variable = event.target.closest("[data-insert]");
  if (variable) insert(document.getElementById(variable.dataset.insert), variable.dataset.text);
  const from = event.target.closest("[data-copy]");
  if (from) navigator.clipboard?.writeText(document.getElementById(from.dataset.copy).value);
});
// An answer that a button cannot put in place - a session has ended, a right was taken - is a page of its own.
addEventListener("htmx:responseError", (event) => {
  const button = event.detail.elt;
  if (button.matches("button[name]") && button.form) button.form.requestSubmit(button);
});
for (const field of document.querySelectorAll("[data-zone]")) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}

function closeMenus(but) {
  for (const menu of document.querySelectorAll("details.pop[open]")) if (menu !== but) menu.open = false;
}

// insert puts a variable where the cursor of a field is. An editor over the field does that itself.
function insert(field, text) {
  if (!field.dispatchEvent(new CustomEvent("insert", { detail: text, cancelable: true }))) return;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
