// The way into the portal by a link: its secret stands behind the #, which browsers send to no server. It is taken out
// of the address first, so that it stays in no history, and then posted like the code that one types.
//
// What was typed before a session ended is in the page. It is put aside for this tab, so that a new link which is opened
// in the same place takes it along; secrets are not among it.
const form = document.getElementById("enter");
const aside = form.action;

function enter() {
  const code = location.hash.slice(1);
  if (code === "") return false;
  history.replaceState(null, "", location.pathname);
  form.elements.code.value = code;
  if (!form.elements.kept_at) takeAlong();
  forget();
  form.submit();
  return true;
}

function putAside() {
  const fields = [...form.querySelectorAll("[name^=kept_]")].map((field) => [field.name, field.value]);
  try {
    sessionStorage.setItem(aside, JSON.stringify(fields));
  } catch {} // no room, or not allowed: then it stays in this page alone
}

function takeAlong() {
  try {
    for (const [name, value] of JSON.parse(sessionStorage.getItem(aside) ?? "[]")) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      form.append(field);
    }
  } catch {}
}

function forget() {
  try {
    sessionStorage.removeItem(aside);
  } catch {}
}

if (form.elements.kept_at) putAside();
for (const one of document.forms) one.addEventListener("submit", forget);
// The page around a frame may open a new link in it.
if ("over" in form.dataset && parent !== self) parent.postMessage({ hacek: "portal session over" }, "*");
addEventListener("hashchange", enter);
// Whoever is inside already goes on, unless a new link was opened: it may be somebody else's.
const inside = document.getElementById("inside");
if (!enter() && inside) location.replace(inside.href);
