// A page that the browser kept for its back button could show an old record: it is read again.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
// A sign-in request that goes by POST needs no click where scripts run.
document.querySelector("form[data-go]")?.submit();
// Before a session ends for lack of use it is said; when it has ended, the patient leaves the screen, typed words stay.
const ending = document.querySelector("[data-ends-in]");
if (ending) {
  const end = Date.now() + Number(ending.dataset.endsIn) * 1000;
  const typed = () => [...document.querySelectorAll("textarea,input:not([type=hidden])")].some((one) => one.value !== one.defaultValue);
  let said = false;
  setInterval(() => {
    const left = end - Date.now();
    if (left < 120000 && !said) { said = true; ending.hidden = false; }
    if (left < -2000 && !typed()) location.reload();
  }, 1000);
}
// On paper every reason stands open; on the screen each goes back to how it was.
const opened = [];
addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not([open]):not(.note-text)").forEach((one) => { one.open = true; opened.push(one); });
});
addEventListener("afterprint", () => { opened.splice(0).forEach((one) => { one.open = false; }); });
