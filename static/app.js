// A page that the browser kept for its back button could show an old record: it is read again.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
// On paper every reason stands open; on the screen each goes back to how it was.
const opened = [];
addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not([open])").forEach((one) => { one.open = true; opened.push(one); });
});
addEventListener("afterprint", () => { opened.splice(0).forEach((one) => { one.open = false; }); });
