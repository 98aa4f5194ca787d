// The record is still being read: ask again, in place of this page, so that it leaves no step to go back to.
const again = document.querySelector("[data-again]");
if (again) setTimeout(() => location.replace(again.href), 1000);
