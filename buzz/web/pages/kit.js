"use strict";
// Shows the copy buttons, which without this script could do nothing, and makes them copy.
const status = document.getElementById("status");
const clipboard = navigator.clipboard;

async function copy(area, rich) {
  if (rich) {
    const of = (type) => new Blob([area.value], { type });
    await clipboard.write([new ClipboardItem({ "text/html": of("text/html"), "text/plain": of("text/plain") })]);
  } else if (clipboard) {
    await clipboard.writeText(area.value);
  } else { // not over HTTPS
    area.select();
    if (!document.execCommand("copy")) throw new Error("refused");
  }
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  const rich = "rich" in button.dataset;
  const area = document.getElementById(button.dataset.copy);
  const words = button.innerHTML;
  if (rich && !(clipboard && window.ClipboardItem)) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await copy(area, rich);
    } catch {
      area.focus();
      area.select();
      return;
    }
    button.focus();
    button.textContent = button.dataset.done;
    status.textContent = "";
    setTimeout(() => { status.textContent = button.dataset.said; }, 50); // said again the second time, too
    setTimeout(() => { button.innerHTML = words; }, 2500);
  });
}
