// The way into the portal by a link: its secret stands behind the #, which browsers send to no server. It is taken out
// of the address first, so that it stays in no history, and then posted like the code that one types.
const code = location.hash.slice(1);
if (code !== "") {
  history.replaceState(null, "", location.pathname);
  const form = document.getElementById("enter");
  form.elements.code.value = code;
  form.submit();
}
